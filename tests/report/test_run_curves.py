"""A run's curves: whole steps on their axes, and a title that fits."""

from restorelab.report.pixels import rendered
from restorelab.report.run_curves import curves


def test_steps_are_whole_numbers_however_few_there_are() -> None:
    for steps in ([20.0], [1.0, 2.0], [10.0, 20.0, 30.0]):
        figure = curves({"step": steps, "train/loss": steps, "val/psnr": steps}, "run")
        rendered(figure)
        for axis in figure.axes:
            shown = [float(label.get_text().replace("\N{MINUS SIGN}", "-")) for label in axis.get_xticklabels()]
            assert shown
            assert all(step.is_integer() for step in shown)


def test_a_long_title_is_broken_and_not_cut() -> None:
    name = "a_long_name_of_a_run_" * 8
    figure = curves({"step": [1.0], "train/loss": [1.0]}, name)
    rendered(figure)
    title = figure._suptitle  # type: ignore[attr-defined]
    assert title.get_text().replace("\n", "") == name
    box = title.get_window_extent()
    assert 0 <= box.x0 <= box.x1 <= figure.get_figwidth() * figure.dpi
