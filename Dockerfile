# The main job on a CPU: the default network, trained on the photographs of scikit-image.
#   docker build -t restorelab .
#   docker run --rm -v "$PWD/runs:/srv/restorelab/runs" restorelab                                   as python train.py
#   docker run --rm -v "$PWD/runs:/srv/restorelab/runs" restorelab train model=dncnn noise=impulse   any other command
FROM python:3.11-slim-bookworm

# torch compiles with the C++ compiler where trainer.compile=true asks for it.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/restorelab
COPY requirements.lock pyproject.toml README.md LICENSE ./
# torch==2.13.0 is taken from the index of CPU builds; the others are not there and come from PyPI.
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu --requirement requirements.lock
COPY conf conf
COPY src src
RUN pip install --no-cache-dir --no-deps .

# Runs, datasets and the cache lie where the user who starts the container can write.
RUN useradd --create-home --uid 1000 restorelab && mkdir --parents /srv/restorelab/runs && chown -R restorelab /srv/restorelab
USER 1000
WORKDIR /srv/restorelab
ENV RESTORELAB_CACHE=/srv/restorelab/cache RESTORELAB_DATA=/srv/restorelab/data

ENTRYPOINT ["restorelab"]
CMD ["train"]
