"""`restorelab fetch data=NAME`: download a dataset into its folder. Torch is imported late."""

from collections.abc import Sequence

from restorelab.config import composition, conf_files
from restorelab.errors import ConfigError, nearest

USAGE = """\
restorelab fetch data=NAME [key=value ...]: download a dataset; files that exist are not fetched again.
restorelab fetch test=NAME [key=value ...]: download a test set.

  data=mnist        which dataset: mnist, svhn, stl10, gopro, imdb_wiki, bsd400, bsd500, div2k, flickr2k; or folder
                    and faces with an archive of yours
  test=[set12,bsd68]            which test sets: set12, bsd68, kodak24, mcmaster, div2k_val; of others it says where
                                they are
  data.root=FOLDER  where it goes; else <data_dir>/<name>
  data_dir=data     the folder of all datasets; the environment's RESTORELAB_DATA, where that is set
  data.source.part=wiki         of imdb_wiki: wiki, imdb or both
  data.source.url=ADDRESS       of folder and faces: a tar or zip of images, unpacked into data.root
  data.source.sha256=CHECKSUM   of folder, faces and gopro: the archive is refused if it has another one

  restorelab fetch data=mnist
  restorelab fetch test=set12 test.set12.root=/path/to/set12
  restorelab fetch data=folder data.root=images data.source.url=https://example.org/images.zip
"""


def run(argv: Sequence[str]) -> int:
    """Fetch and print how many images there are; return the exit status.

    Raises:
        ConfigError: for a dataset that is not named, or that nothing can be fetched of.
        DataError: where a download fails.
    """
    if {"-h", "--help"} & set(argv):
        print(USAGE, end="")
        return 0
    name = next((argument.partition("=")[2] for argument in argv if argument.startswith("data=")), None)
    if any(argument.startswith("test=") for argument in argv):
        if name is not None:
            msg = f"fetch data={name} and test sets: one after the other, please."
            raise ConfigError(msg)
        return _fetch_tests(argv)
    if name is None:
        words = [argument for argument in argv if "=" not in argument]
        allowed = conf_files.options("data")
        hint = (
            f"Did you mean data={words[0]}?"
            if words and words[0] in allowed
            else nearest(words[0] if words else "", allowed)
        )
        msg = f"fetch: say which dataset, such as data=mnist. {hint}"
        raise ConfigError(msg)
    settings = composition.compose(argv)
    from restorelab.config import build  # brings torch

    source = build.make("data", settings["data"]).make_source()
    if not hasattr(source, "fetch"):
        is_yours = settings["data"]["root"] is not None
        why = (
            "the images are yours: put them there by hand"
            if is_yours
            else "its images come with the installed packages"
        )
        msg = f"fetch data={name}: there is nothing to fetch; {why}."
        raise ConfigError(msg)
    source.fetch()
    print(f"fetched: {len(source.items())} images")
    return 0


def _fetch_tests(argv: Sequence[str]) -> int:
    settings = composition.compose(argv)
    from restorelab.config import build  # brings torch

    for name, node in settings["test"].items():
        source = build.make(f"test.{name}", node)
        if not hasattr(source, "fetch"):
            source.items()  # which says where the set is, unless it is there
            print(f"{name}: it is there already")
            continue
        root = source.fetch()
        print(f"{name}: {len(source.items())} images in {root}")
    return 0
