"""Between hint and solution: the solution's lines, shuffled, and among them lines that known mistakes would write.

What is put together is run and checked like any answer, so every order that works counts.
"""

import inspect
import io
import linecache
import random
import tokenize

from cnnlessons.exercises.cards import Result
from cnnlessons.exercises.feedback import ArrayExercise, Exercise, error_of
from cnnlessons.exercises.sandbox import outcome

# What stands in a line of the solution, and what stands there in a line that leads astray.
ASTRAY = {
    "00.warm_up": [("row + 3, column : column + 3", "row + 2, column : column + 2"), ("window.sum", "window.mean")],
    "01.cross_correlate": [
        ("np.sum(window * kernel)", "np.sum(window * kernel[::-1, ::-1])"),
        ("height - kernel_height + 1, width - kernel_width + 1", "height - kernel_height, width - kernel_width"),
    ],
    "01.convolve": [("[::-1, ::-1]", "[::-1]"), ("[::-1, ::-1]", ".T"), ("image, turned", "image, kernel")],
    "01.blind_kernel": [("np.ones(", "np.zeros("), ("[[-1], [0], [1]]", "[[1], [0], [-1]]")],
    "01.normalised_match": [
        ("patch - patch.mean()", "patch - image.mean()"),
        ("np.linalg.norm(centred) * template_norm", "np.linalg.norm(patch) * template_norm"),
    ],
    "02.output_size": [("room // stride + 1", "room // stride"), ("2 * padding", "padding")],
    "02.same_padding": [("total // 2", "total - total // 2"), ("max(needed - size, 0)", "needed - size")],
    "02.conv2d": [
        ("row * stride, column * stride", "row, column"),
        ("products.sum((0, 1, 2)) + bias", "products.sum((0, 1, 2))"),
    ],
    "02.receptive_field": [("jump *= stride", "jump += stride"), ("(kernel_size - 1) * jump", "kernel_size * jump")],
    "03.grad_kernel": [("np.sum(grad_output * met)", "np.mean(grad_output * met)"), ("grad_output * met", "met")],
    "03.grad_image": [("kernel[::-1, ::-1]", "kernel"), ("kernel[::-1, ::-1]", "kernel[::-1]")],
    "03.crop": [
        ("padding : height - padding, padding : width - padding", "padding:-padding, padding:-padding"),
        ("padding : height - padding, padding : width - padding", "padding:, padding:"),
    ],
    "03.descend": [("kernel -= rate", "kernel += rate"), ("error / error.size", "2 * error / error.size")],
    "04.softmax": [
        ("scores - scores.max(axis=1, keepdims=True)", "scores"),
        ("powers.sum(axis=1", "powers.sum(axis=0"),
    ],
    "04.batch_norm_predict": [
        ("np.sqrt(moving_variance + epsilon)", "(moving_variance + epsilon)"),
        ("inputs - moving_mean", "inputs - inputs.mean(axis=0)"),
        ("normal * scale + shift", "(normal + shift) * scale"),
    ],
    "05.glorot_limit": [("np.sqrt(3 * variance)", "np.sqrt(variance)"), ("np.prod(shape[:-2])", "1")],
    "05.dead_filters": [("axis=(0, 1, 2)", "axis=(1, 2)"), ("~fires", "fires"), (".any(", ".all(")],
    "05.barrier": [
        ("losses - straight", "losses"),
        ("(1 - share) * losses[0] + share", "share * losses[0] + (1 - share)"),
    ],
    "05.merge": [
        ("np.linalg.norm(kernel[..., second]) / np.linalg.norm(kernel[..., first])", "1"),
        ("merged, second", "merged, first"),
    ],
    "06.columns": [("[::stride, ::stride]", "[::stride]"), ("windows[::stride, ::stride]", "windows")],
    "06.add_columns": [("] += window", "] = window"), ("window.reshape(size, size)", "window.reshape(size, size).T")],
    "06.full_convolution": [
        ("np.add(grad_output.shape, kernel.shape) - 1", "grad_output.shape"),
        ("np.fft.rfft2(kernel, size)", "np.fft.rfft2(kernel, size).conj()"),
        ("irfft2(product, size)", "irfft2(product)"),
    ],
    "06.middle_products": [("(d2 - d1)", "(d1 - d2)"), ("(g0 - g1 + g2)", "(g0 + g1 + g2)")],
    "07.dense_from_channels_first": [
        ("laid_out.transpose(2, 3, 1, 0)", "weights.T"),
        ("(2, 3, 1, 0)", "(3, 2, 1, 0)"),
    ],
    "07.skip_backward": [
        ("weights.T + grad_output", "weights.T"),
        ("np.where(before > 0, grad_output, 0)", "grad_output"),
        ("weights.T + grad_output", "weights.T + grad_before"),
    ],
    "07.frozen_step": [("~frozen", "frozen"), ("new_velocity * ~frozen", "new_velocity")],
    "08.edge_orientation": [
        ("(length - 1) / 2", "0"),
        ("(90 - np", "(np"),
        ("arctan2(down, right)", "arctan2(right, down)"),
    ],
    "08.balanced": [("/ window.sum()", "/ window.size"), ("- amount", "+ amount")],
    "08.grey_share": [("np.sqrt(channels)", "channels"), ("(along_grey**2).sum() /", "1 - (along_grey**2).sum() /")],
    "09.sign_flips": [
        ("np.abs(sums) >= abs(np.sum(differences))", "sums >= np.sum(differences)"),
        ("np.mean(", "np.sum("),
    ],
    "09.folded": [(", bank,", ", bank[::-1, ::-1],"), ("->hwcf", "->whcf")],
    "09.clearness": [
        ("(noise * np.sqrt(", "(np.sqrt("),
        ("covariance @ weights", "np.diag(np.diag(covariance)) @ weights"),
    ],
    "10.fewest_filters": [("2 * down", "down"), ("down * right", "(down + right)")],
    "10.nullity": [("blocks.shape[2] - rank", "blocks.shape[1] - rank"), ("tolerance * values.max()", "tolerance")],
    "10.patch_matrix_elsewhere": [("::-1, ::-1", "::-1, :"), (", -1).T", ", -1)"), ("[:, :, ::-1, ::-1]", "")],
    "11.widest": [("filters = 0", "filters = 1"), ("<= budget", "< budget")],
    "11.pairs_needed": [
        ("ddof=1", "ddof=0"),
        ("max(6, np.ceil((2 * spread / reach) ** 2))", "np.ceil((2 * spread / reach) ** 2)"),
    ],
    "11.depth_to_space": [("(0, 2, 1, 3, 4)", "(0, 1, 2, 3, 4)"), ("(0, 2, 1, 3, 4)", "(0, 3, 1, 2, 4)")],
    "12.rank_agreement": [("np.abs(each)", "each"), (".argsort().argsort()", ".argsort()")],
    "13.attack_step": [("np.sign(gradient)", "gradient"), ("image - epsilon, image", "changed - epsilon, changed")],
    "13.believed": [("min(acc", "max(acc"), (" or ", " and ")],
    "14.follows": [("answers[told] == marks[told]", "answers == marks")],
    "14.worth": [("np.exp(np.interp(reached, accuracies, np.log(sizes)))", "np.interp(reached, accuracies, sizes)")],
    "15.standard_error": [("judged / learned", "learned / judged"), ("return spread", "return 2 * spread")],
}


def first_line(exercise: Exercise) -> str:
    """The line that stands above the lines of a puzzle."""
    return _statements(exercise.solution)[0]


def lines(exercise: Exercise) -> list[str]:
    """The solution's lines below its first one and those that lead astray, indented, in a mixed order.

    Raises
    ------
    ValueError
        If the solution has one line only.
    """
    right = _statements(exercise.solution)[1:]
    if len(right) < 2:
        raise ValueError(
            f"name: the solution of {exercise.name} has one line only, so there is nothing to put in order"
        )
    wrong = [
        line.replace(there, instead)
        for there, instead in ASTRAY.get(exercise.name, ())
        for line in right
        if there in line
    ]
    mixed = right + wrong
    return [mixed[place] for place in random.Random(exercise.name).sample(range(len(mixed)), len(mixed))]


def as_text(exercise: Exercise) -> str:
    """The lines with their numbers, and how to answer without a mouse."""
    numbered = "\n".join(
        f"{number:2} {line.replace(chr(10), chr(10) + '   ')}" for number, line in enumerate(lines(exercise), start=1)
    )
    how = f'Put them in order, without those that do not belong: exercises.puzzle("{exercise.name}", lines=[1, 2])'
    return f"   {first_line(exercise)}\n{numbered}\n{how}"


def _statements(function) -> list[str]:
    """The statements of a function, headers such as `for` by themselves, without comments."""
    source = inspect.getsource(function)
    rows, found, start = source.splitlines(), [], None
    blank = (tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            rows[row - 1] = rows[row - 1][:column].rstrip()
        elif token.type == tokenize.NEWLINE:
            found.append("\n".join(rows[start - 1 : token.end[0]]))
            start = None
        elif start is None and token.type not in blank:
            start = token.start[0]
    return found


def judge(exercise: Exercise, chosen: list[str], seconds: float = 5) -> Result:
    """Put lines together, run what they make, and check it as any answer."""
    if not chosen:
        return exercise.result(("stub", "No line is in its place yet."))
    source = "\n".join([first_line(exercise), *chosen, ""])
    file = f"<puzzle {exercise.name}>"
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file  # for messages that quote a line
    names = dict(exercise.solution.__globals__)
    try:
        exec(compile(source, file, "exec"), names)
    except SyntaxError as error:
        return exercise.result(("cannot be read", _unreadable(error)))
    answer = names[exercise.solution.__name__]
    if isinstance(exercise, ArrayExercise):
        made = outcome(answer, ())
        return exercise.result(error_of(made.error)) if made.error else exercise.check(made.value, seconds)
    return exercise.check(answer, seconds)


def _unreadable(error):
    line = (error.text or "").strip()
    return (
        f"Python cannot read line {error.lineno}, `{line}`: {error.msg}. Below a line that ends with a colon, and only "
        "there, the next line stands further to the right."
    )
