"""Pictures on the page: the same crops through all models, and any two of them under one slider."""

import base64
import html
from collections.abc import Mapping, Sequence

from restorelab.compare.crops import Case, Crops, Tile, View
from restorelab.compare.sortable import broken
from restorelab.report.charts.look import Look

SIZES = {"desk": 150, "desk, where they are few": 200, "phone": 150}
"""Pixels of the page that a crop takes about; it is a whole multiple of the crop's own."""

FEW = 8
"""Runs up to which crops are shown larger."""

TIMES = "\N{MULTIPLICATION SIGN}"


def gallery(crops: Crops, looks: Mapping[str, Look]) -> str:
    """All evaluations; a script shows one image at a time, without one and on paper they follow each other."""
    views = [view for view in crops.views if view.cases]
    tabs = [(f"tab-{number}", f"view-{number}", html.escape(view.evaluation)) for number, view in enumerate(views)]
    parts = [_paragraphs(crops.text)]
    if len(views) > 1:
        parts.append(_tabs("tabs", "Evaluation", tabs))
    parts += [_view(view, number, looks, tabbed=len(views) > 1) for number, view in enumerate(views)]
    for view in crops.views:
        if not view.cases:
            parts.append(f"<h3>{html.escape(view.evaluation)}</h3>{_paragraphs(view.text)}")
    return "".join(parts) or "<p class=missing>No pictures were made.</p>"


def _tabs(kind: str, label: str, tabs: Sequence[tuple[str, str, str]]) -> str:
    """A row of tabs, each an anchor, the anchor of what it shows, and its content."""
    buttons = (
        f"<button type=button role=tab id='{name}' aria-controls='{shows}' aria-selected={_truth(not number)} "
        f"tabindex={-1 if number else 0}>{content}</button>"
        for number, (name, shows, content) in enumerate(tabs)
    )
    return f"<div class={kind} role=tablist aria-label='{label}'>{''.join(buttons)}</div>"


def _view(view: View, number: int, looks: Mapping[str, Look], *, tabbed: bool) -> str:
    name = html.escape(view.evaluation)
    tabs = [
        (f"image-{number}-{place}", f"case-{number}-{place}", f"<img alt=''><span>{_short(case.why)}</span>")
        for place, case in enumerate(view.cases)
    ]
    cases = [_case(case, f"{number}-{place}", looks) for place, case in enumerate(view.cases)]
    role = f" role=tabpanel aria-labelledby='tab-{number}'" if tabbed else ""
    return (
        f"<div class=view id='view-{number}'{role}><h3 class='evaluation{' tabbed' if tabbed else ''}'>{name}</h3>"
        f"{_tabs('strip', f'Test image, {name}', tabs)}{''.join(cases)}{_paragraphs(view.text)}</div>"
    )


def _case(case: Case, name: str, looks: Mapping[str, Look]) -> str:
    wide, high = case.box[2:]
    about = SIZES["desk" if len(case.restored) > FEW else "desk, where they are few"]
    times, phone = max(1, round(about / max(wide, high))), max(1, SIZES["phone"] // max(wide, high))
    part = f"the crops show {wide}{TIMES}{high} of them" if (wide, high) != case.size else "shown is all of it"
    facts = f"<code>{html.escape(case.id)}</code> · {case.size[0]}{TIMES}{case.size[1]} pixels · {part}"
    best = max((tile.psnr for tile in case.restored if tile.psnr is not None), default=None)
    tiles = [_tile(case.degraded, "input", looks, None), _tile(case.clean, "truth", looks, None)]
    tiles += [_tile(tile, "restored", looks, best) for tile in case.restored]
    return (
        f"<article class=case id='case-{name}' role=tabpanel aria-labelledby='image-{name}' "
        f"style='--w:{wide};--h:{high};--k:{times};--kn:{phone}'>"
        f"<header class=about>{_whole(case)}<div><p class=why>{html.escape(case.why)}</p>"
        f"<p class=notes>{facts}; PSNR and SSIM are of the whole image</p>{_tools()}</div></header>"
        f"<div class=shown><ul class=tiles>{''.join(tiles)}</ul>{_pair(case)}</div></article>"
    )


def _whole(case: Case) -> str:
    """The whole image, small, with the crop's box in it."""
    (wide, high), (x, y, w, h) = case.size, case.box
    shares = {"left": x / wide, "top": y / high, "width": w / wide, "height": h / high}
    place = ";".join(f"{side}:{100 * share:.2f}%" for side, share in shares.items())
    hidden = " hidden" if (w, h) == case.size else ""
    return (
        f"<div class=whole><img src='{_data(case.whole)}' alt='The whole clean image {html.escape(case.id)}'>"
        f"<i class=box{hidden} style='{place}'></i></div>"
    )


def _tile(tile: Tile, role: str, looks: Mapping[str, Look], best: float | None) -> str:
    look = looks.get(tile.label) if role == "restored" else None
    run = f" data-run='{look.number}'" if look else ""
    name = html.escape(tile.label)
    top = best is not None and tile.psnr is not None and tile.psnr >= best - 1e-9
    psnr = "" if tile.psnr is None else f"{tile.psnr:.2f} dB"
    ssim = "" if tile.ssim is None else f"SSIM {tile.ssim:.3f}"
    said = ", ".join(filter(None, [tile.label, psnr, ssim, "the best of this image" if top else ""]))
    return (
        f"<li class='tile {role}'{run} data-name='{name}' data-psnr='{psnr[:-3]}'>"
        f"<button type=button title='{name}: to the right side of the slider; with Shift to the left'>"
        f"<span class=frame><img src='{_data(tile.picture)}' alt='{html.escape(said)}'></span>"
        f"<span class=label>{look.swatch() if look else ''}<span>{broken(name)}</span></span>"
        f"<span class=measured>{f'<b>{psnr}</b>' if top else psnr} <small>{ssim}</small></span></button></li>"
    )


def _tools() -> str:
    """What changes all crops of an image at once: zoom, errors, order."""
    gain = (
        f"<label class=gain>|restored − truth| {TIMES} "  # noqa: RUF001
        "<input type=range min=1 max=20 step=1 value=6 aria-label='Gain of the errors'><output>6</output></label>"
    )
    groups = [
        _choice("Zoom", "zoom", {"1": f"1{TIMES}", "2": f"2{TIMES}", "4": f"4{TIMES}"}),
        _choice("Show", "show", {"pictures": "pictures", "errors": "errors"}, gain),
        _choice("Order", "order", {"listed": "as listed", "psnr": "best first"}),
    ]
    return f"<div class='controls tools'>{''.join(groups)}</div>"


def _choice(title: str, kind: str, choices: Mapping[str, str], more: str = "") -> str:
    """Buttons of which one is pressed, the first."""
    buttons = (
        f"<button type=button class=chip data-{kind}={key} aria-pressed={_truth(not number)}>{text}</button>"
        for number, (key, text) in enumerate(choices.items())
    )
    return (
        f"<div class=chips role=group aria-label={title}><span class=lead>{title}</span>{''.join(buttons)}{more}</div>"
    )


def _pair(case: Case) -> str:
    """Two pictures of the case under one slider; the script takes them from the tiles."""
    names = [case.degraded.label, *(tile.label for tile in case.restored), case.clean.label]
    options = "".join(f"<option>{html.escape(name)}</option>" for name in names)
    sides = [f"<label>{side} <select data-side={side}>{options}</select></label>" for side in ("left", "right")]
    chip = "<button type=button class=chip"
    return (
        f"<div class=pair><div class='controls sides'>{''.join(sides)}<span class=chips>{chip} data-flip>flip</button>"
        f"{chip} data-difference aria-pressed=false>difference</button></span></div><div class=stage>"
        "<div class='layer a'><img alt=''></div><div class='layer b'><img alt=''></div>"
        "<div class='layer d'><canvas hidden></canvas></div>"
        "<span class='tag left'></span><span class='tag right'></span>"
        "<div class=handle role=slider tabindex=0 aria-label='Where the left picture ends' aria-valuemin=0 "
        "aria-valuemax=100 aria-valuenow=50 aria-orientation=horizontal></div></div></div>"
    )


def _paragraphs(text: Sequence[str]) -> str:
    return "".join(f"<p class=notes>{html.escape(sentence)}</p>" for sentence in text)


def _short(why: str) -> str:
    return html.escape(why.partition(":")[0])


def _data(picture: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(picture).decode()}"


def _truth(value: bool) -> str:
    return "true" if value else "false"
