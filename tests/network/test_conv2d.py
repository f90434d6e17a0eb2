"""The NumPy layers against loops, central differences, adjoints and PyTorch."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bio_scnn.network.conv2d import (
    conv2d,
    conv2d_backward,
    depth_to_space,
    same_padding,
    space_to_depth,
)

# kernel, stride, dilation, height, width, channels in and out: sizes odd and even, never square
GEOMETRIES = [
    (1, 1, 1, 4, 3, 3, 5),
    (2, 1, 1, 5, 6, 3, 5),
    (3, 1, 1, 7, 6, 3, 5),
    (3, 1, 2, 9, 8, 3, 5),
    (3, 1, 4, 5, 6, 3, 5),
    (5, 1, 1, 6, 7, 3, 5),
    (3, 2, 1, 7, 8, 3, 5),
    (4, 2, 1, 8, 10, 3, 5),
    (4, 2, 1, 7, 9, 3, 5),
    (3, 2, 2, 6, 11, 3, 5),
    (1, 2, 1, 6, 5, 3, 5),
    (2, 3, 1, 7, 8, 3, 5),
    # few output channels: shifted products
    (3, 1, 1, 7, 6, 8, 2),
    (3, 1, 2, 6, 9, 5, 1),
    (4, 2, 1, 7, 10, 3, 2),
    # many channels: Winograd's algorithm, with tiles that end inside and outside of the image
    (3, 1, 1, 8, 12, 32, 33),
    (3, 1, 1, 7, 6, 34, 32),
    (3, 1, 2, 9, 16, 32, 32),
    (3, 1, 4, 5, 18, 33, 32),
    (6, 2, 1, 9, 10, 9, 35),
]


def loops(x, weight, bias, stride, dilation):
    """Cross-correlation written out, one output value at a time."""
    k, _, _, c_out = weight.shape
    n, height, width, _ = x.shape
    h_out, top, _ = same_padding(height, k, stride, dilation)
    w_out, left, _ = same_padding(width, k, stride, dilation)
    y = np.zeros((n, h_out, w_out, c_out))
    for index in np.ndindex(*y.shape):
        image, r, c, o = index
        total = bias[o]
        for i in range(k):
            for j in range(k):
                row, col = r * stride + i * dilation - top, c * stride + j * dilation - left
                if 0 <= row < height and 0 <= col < width:
                    total += x[image, row, col] @ weight[i, j, :, o]
        y[index] = total
    return y


def case(geometry, rng):
    k, _, _, height, width, c_in, c_out = geometry
    x = rng.standard_normal((2, height, width, c_in))
    return x, rng.standard_normal((k, k, c_in, c_out)), rng.standard_normal(c_out)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_conv2d_is_cross_correlation(geometry):
    x, weight, bias = case(geometry, np.random.default_rng(1))
    _, stride, dilation, *_ = geometry
    y = conv2d(x, weight, bias, stride=stride, dilation=dilation)
    np.testing.assert_allclose(y, loops(x, weight, bias, stride, dilation), rtol=0, atol=1e-12)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_gradients_agree_with_central_differences(geometry):
    rng = np.random.default_rng(2)
    point = dict(zip(("x", "weight", "bias"), case(geometry, rng), strict=True))
    options = {"stride": geometry[1], "dilation": geometry[2]}
    dy = rng.standard_normal(conv2d(**point, **options).shape)
    grads = conv2d_backward(point["x"], point["weight"], dy, **options)
    for name, gradient in zip(point, grads, strict=True):
        direction = rng.standard_normal(gradient.shape)
        step = 1e-5

        def value(t, name=name, direction=direction):
            return np.vdot(dy, conv2d(**point | {name: point[name] + t * direction}, **options))

        numeric = (value(step) - value(-step)) / (2 * step)
        analytic = np.vdot(gradient, direction)
        assert abs(numeric - analytic) <= 1e-6 * abs(analytic), (name, numeric, analytic)


# One for each way of computing: windows, shifted products, Winograd's algorithm
WAYS = [(4, 2, 1, 13, 9, 3, 5), (3, 1, 2, 13, 9, 5, 2), (3, 1, 2, 19, 9, 32, 34)]


@pytest.mark.parametrize("geometry", WAYS)
def test_blocks_of_rows_change_nothing(geometry, monkeypatch):
    rng = np.random.default_rng(3)
    x, weight, bias = case(geometry, rng)
    options = {"stride": geometry[1], "dilation": geometry[2]}
    whole = conv2d(x, weight, bias, **options)
    dy = rng.standard_normal(whole.shape)
    grads = conv2d_backward(x, weight, dy, **options)
    monkeypatch.setattr(
        "bio_scnn.network.conv2d._BLOCK_BYTES", 1
    )  # as few rows at a time as can be
    np.testing.assert_allclose(conv2d(x, weight, bias, **options), whole, rtol=0, atol=1e-12)
    for one, many in zip(conv2d_backward(x, weight, dy, **options), grads, strict=True):
        np.testing.assert_allclose(one, many, rtol=0, atol=1e-11)


@pytest.mark.parametrize("geometry", WAYS)
def test_threads_change_no_bit(geometry, monkeypatch):
    monkeypatch.setattr("bio_scnn.network.conv2d._BLOCK_BYTES", 1)
    x, weight, bias = (a.astype(np.float32) for a in case(geometry, np.random.default_rng(9)))
    options = {"stride": geometry[1], "dilation": geometry[2], "relu": True}
    alone = conv2d(x, weight, bias, **options)
    assert 0.2 < (alone == 0).mean() < 0.8
    with ThreadPoolExecutor(3) as pool:
        np.testing.assert_array_equal(conv2d(x, weight, bias, **options, pool=pool), alone)


def test_gradient_of_the_kernel_alone():
    rng = np.random.default_rng(10)
    for geometry in WAYS:
        x, weight, bias = case(geometry, rng)
        options = {"stride": geometry[1], "dilation": geometry[2]}
        dy = rng.standard_normal(conv2d(x, weight, bias, **options).shape)
        _, *expected = conv2d_backward(x, weight, dy, **options)
        dx, *grads = conv2d_backward(x, weight, dy, **options, need_dx=False)
        assert dx is None
        for ours, other in zip(grads, expected, strict=True):
            np.testing.assert_allclose(ours, other, rtol=0, atol=1e-11)


def test_single_precision_is_kept():
    """Winograd's transforms cost digits; a bad choice of them would cost more."""
    rng = np.random.default_rng(11)
    x = np.maximum(rng.standard_normal((1, 32, 32, 96)), 0)
    weight, bias = rng.standard_normal((3, 3, 96, 96)), np.zeros(96)
    exact = conv2d(x, weight, bias)
    y = conv2d(*(a.astype(np.float32) for a in (x, weight, bias)))
    assert y.dtype == np.float32
    error = np.abs(y - exact).max() / np.abs(exact).max()
    assert 1e-8 < error < 4e-6
    dy = rng.standard_normal(exact.shape)
    exact_grads = conv2d_backward(x, weight, dy)
    grads = conv2d_backward(*(a.astype(np.float32) for a in (x, weight, dy)))
    for ours, other in zip(grads, exact_grads, strict=True):
        assert ours.dtype == np.float32
        assert np.abs(ours - other).max() < 4e-6 * np.abs(other).max()


@pytest.mark.parametrize("geometry", [(3, 1, 1, 6, 5, 3, 5), *WAYS[1:]])
def test_skip_is_added_before_rectifying(geometry):
    rng = np.random.default_rng(4)
    x, weight, bias = case(geometry, rng)
    plain = conv2d(x, weight, bias, dilation=geometry[2])
    skip = rng.standard_normal(plain.shape)
    y = conv2d(x, weight, bias, dilation=geometry[2], skip=skip, relu=True)
    np.testing.assert_array_equal(y, np.maximum(plain + skip, 0))
    assert 0.2 < (y == 0).mean() < 0.8


def test_wrong_channels_are_refused():
    with pytest.raises(ValueError, match="input has 4 channels; the kernel expects 3"):
        conv2d(np.zeros((1, 5, 5, 4)), np.zeros((3, 3, 3, 2)), np.zeros(2))


def test_space_to_depth_by_hand():
    x = np.arange(16).reshape(1, 4, 4, 1)
    assert space_to_depth(x, 2)[0, 0, 0].tolist() == [0, 1, 4, 5]
    assert space_to_depth(x, 2)[0, 1, 1].tolist() == [10, 11, 14, 15]


def test_depth_to_space_inverts_space_to_depth():
    x = np.random.default_rng(5).standard_normal((2, 6, 4, 3))
    np.testing.assert_array_equal(depth_to_space(space_to_depth(x, 2), 2), x)


@pytest.mark.peer
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_conv2d_agrees_with_pytorch(geometry):
    torch = pytest.importorskip("torch")
    k, stride, dilation, height, width, *_ = geometry
    x, weight, bias = case(geometry, np.random.default_rng(6))
    y = conv2d(x, weight, bias, stride=stride, dilation=dilation)
    dy = np.random.default_rng(7).standard_normal(y.shape)
    grads = conv2d_backward(x, weight, dy, stride=stride, dilation=dilation)

    theirs = [
        torch.tensor(np.ascontiguousarray(a), requires_grad=True)
        for a in (x.transpose(0, 3, 1, 2), weight.transpose(3, 2, 0, 1), bias)
    ]
    _, top, bottom = same_padding(height, k, stride, dilation)
    _, left, right = same_padding(width, k, stride, dilation)
    padded = torch.nn.functional.pad(theirs[0], (left, right, top, bottom))
    out = torch.nn.functional.conv2d(
        padded, theirs[1], theirs[2], stride=stride, dilation=dilation
    )
    out.backward(torch.tensor(np.ascontiguousarray(dy.transpose(0, 3, 1, 2))))
    expected = [
        theirs[0].grad.numpy().transpose(0, 2, 3, 1),
        theirs[1].grad.numpy().transpose(2, 3, 1, 0),
        theirs[2].grad.numpy(),
    ]
    np.testing.assert_allclose(y, out.detach().numpy().transpose(0, 2, 3, 1), rtol=0, atol=1e-12)
    for ours, peer in zip(grads, expected, strict=True):
        np.testing.assert_allclose(ours, peer, rtol=0, atol=1e-11)


@pytest.mark.peer
def test_shuffles_agree_with_pytorch():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(8).standard_normal((1, 4, 6, 1))
    theirs = torch.nn.functional.pixel_unshuffle(torch.tensor(x.transpose(0, 3, 1, 2)), 2)
    np.testing.assert_array_equal(space_to_depth(x, 2), theirs.numpy().transpose(0, 2, 3, 1))
