"""What the rooms of this package ask of arrays before they count with them."""

from cnnlessons import ops, shapes


def kernel_of(kernel):
    """Return the kernel of a convolution, (KH, KW, C_in, C_out), as finite numbers."""
    return ops.finite(kernel, "kernel", "(KH, KW, C_in, C_out)", 4)


def images_of(images, kernel, stride):
    """Return images as floats, (N, H, W, C_in), if the kernel takes their channels and the stride fits their size."""
    images = ops.finite(images, "images", "(N, H, W, C_in)", 4)
    if images.shape[3] != kernel.shape[2]:
        raise ValueError(
            f"images must have the {kernel.shape[2]} channels that kernel {kernel.shape} takes, got {images.shape}"
        )
    divided(images.shape[1:3], stride)
    return images.astype(float)


def divided(image_size, stride):
    """Return stride and output size as pairs; the stride must divide the image size, or the border differs."""
    size, stride = shapes.pair(image_size, "image_size"), shapes.pair(stride, "stride")
    if any(pixels % step for pixels, step in zip(size, stride, strict=True)):
        larger = tuple(-(-pixels // step) * step for pixels, step in zip(size, stride, strict=True))
        raise ValueError(
            f"image_size must be a multiple of the stride, so that an image that goes on at the opposite side is seen "
            f"alike everywhere, got {size[0]}×{size[1]} with stride {stride[0]}×{stride[1]}; take for example "
            f"{larger[0]}×{larger[1]}"
        )
    return stride, (size[0] // stride[0], size[1] // stride[1])


def number(value, name, low, high, remedy):
    """Return a number above `low` and up to `high`, or say what is wrong with it."""
    rule = f"a number above {low:g} and at most {high:g}"
    return shapes.number(value, name, rule, lambda value: low < value <= high, remedy)
