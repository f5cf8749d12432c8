"""Tables of small numbers for the panels that show every one of them, as HTML for light and dark themes."""

import numpy as np

from cnnlessons.plots import number_text as number


def factor(value):
    """Write a number so that it can stand in a product: 2·(−1)."""
    return f"({number(value)})" if value < 0 else number(value)


def table(title, values, looks=None, tags=None, frame=None):
    """Draw numbers as a table.

    Parameters
    ----------
    title : str
    values : ndarray, shape (R, C)
    looks : ndarray of str, shape (R, C), optional
        CSS classes of each cell: "border" is a padded zero, "unknown" is left empty, "partner" stands out.
    tags : ndarray of str, shape (R, C), optional
        What stands small in the corner of each cell.
    frame : (row, column, height, width), optional
        The cells to draw a frame around.

    Returns
    -------
    str
    """
    plain = np.full(values.shape, "")
    looks, tags = (plain if texts is None else texts for texts in (looks, tags))
    rows = [
        "".join(_cell(number(v), look, tag) for v, look, tag in zip(*row, strict=True))
        for row in zip(values, looks, tags, strict=True)
    ]
    digits = max(3, *(len(number(value)) for value in values.flat))
    label = f"{title}, {values.shape[0]} rows by {values.shape[1]} columns"
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f'<figure><figcaption>{title}</figcaption><div class="numbers" style="--digits: {digits}">'
        f'<table aria-label="{label}">{body}</table>{_frame(*frame) if frame else ""}</div></figure>'
    )


def _cell(text, look, tag):
    look = look.strip()
    if "unknown" in look:
        return f'<td class="{look}" aria-label="not yet computed"></td>'
    corner = f"<small>{tag}</small>" if tag else ""
    return f'<td class="{look}">{corner}{text}</td>' if look else f"<td>{corner}{text}</td>"


def _frame(row, column, height, width):
    return f'<div class="frame" style="--row: {row}; --column: {column}; --high: {height}; --wide: {width}"></div>'


# A page sets --cell, the side of a cell, for the tables within.
STYLE = """
<style>
.cnnlessons-page { container-type: inline-size; width: 100%; color: var(--jp-ui-font-color1, #222); }
.cnnlessons-page figure { margin: 0; }
.cnnlessons-page figcaption { font-size: 16px; text-align: center; width: 0; min-width: 100%; margin-bottom: 4px; }
.cnnlessons-page .sign { font-size: 26px; padding-top: 26px; white-space: nowrap; }
.cnnlessons-page .numbers { position: relative; width: max-content; margin: 0 auto; }
.cnnlessons-page .numbers table { border-collapse: separate; border-spacing: 2px; margin: 0; }
.cnnlessons-page .numbers table tr:nth-child(n) { background: none; }
.cnnlessons-page .numbers td {
  box-sizing: border-box; width: var(--cell); min-width: var(--cell); max-width: var(--cell); height: var(--cell);
  padding: 0; text-align: center; vertical-align: middle; border-radius: 3px; line-height: 1;
  font-size: calc(var(--cell) * 1.5 / var(--digits)); font-variant-numeric: tabular-nums;
  background: var(--jp-layout-color2, #eee); color: inherit;
}
.cnnlessons-page .numbers td.unknown { background: none; border: 1px solid var(--jp-border-color2, #ccc); }
.cnnlessons-page .numbers td.border {
  background: none; border: 1px dashed var(--jp-border-color1, #999); color: var(--jp-ui-font-color2, #666);
}
.cnnlessons-page .numbers td.partner { background: #0072b2; color: #fff; }
.cnnlessons-page .numbers td.partner.border { border-color: #fff; }
.cnnlessons-page .numbers small { display: block; font-size: 11px; text-align: left; padding-left: 3px; }
.cnnlessons-page .frame {
  position: absolute; box-sizing: border-box; border: 4px solid #d55e00; border-radius: 5px;
  top: calc(var(--row) * (var(--cell) + 2px) - 1px); left: calc(var(--column) * (var(--cell) + 2px) - 1px);
  height: calc(var(--high) * (var(--cell) + 2px) + 4px); width: calc(var(--wide) * (var(--cell) + 2px) + 4px);
}
.cnnlessons-page p { margin: 10px 0 0; font-size: 16px; }
.cnnlessons-page p.sum { font-size: 20px; font-variant-numeric: tabular-nums; }
</style>
"""
