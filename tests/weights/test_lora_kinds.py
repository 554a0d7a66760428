"""Every kind of LoRA against the formula it was published with."""

from __future__ import annotations

import pytest
import torch

from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.weights import lora
from tests.weights.loras import (
    CONV,
    TO_K,
    close,
    kohya_layer,
    parts,
    random,
)


def change(ref, module, bias=False):
    """What a LoRA adds to the weight of a layer, computed by us."""
    key = f"{module}.{'bias' if bias else 'weight'}"
    weight = parts()["unet"][key]
    delta = lora.read(ref, PICTUREBOOK, parts()).deltas["unet", key]
    return delta.add_to(weight, 1.0) - weight


def test_loha_is_the_product_of_two_products(save_lora):
    """LyCORIS: (w1a @ w1b) * (w2a @ w2b) * alpha / rank (arXiv:2309.14859, equation 4)."""
    a1, b1, a2, b2 = random(64, 4), random(4, 192), random(64, 4) + 1, random(4, 192) - 1
    tensors = kohya_layer(
        TO_K, hada_w1_a=a1, hada_w1_b=b1, hada_w2_a=a2, hada_w2_b=b2, alpha=torch.tensor(2.0)
    )
    close(change(save_lora(tensors), TO_K), (a1 @ b1) * (a2 @ b2) * 2 / 4)


def test_loha_of_a_convolution_with_cores(save_lora):
    def tucker(core, a, b):
        return torch.einsum("rskl,ro,si->oikl", core, a, b)

    cores, (a, b) = (random(3, 3, 3, 3), random(3, 3, 3, 3) + 1), (random(3, 64), random(3, 64))
    tensors = kohya_layer(
        CONV, hada_t1=cores[0], hada_w1_a=a, hada_w1_b=b, hada_t2=cores[1], hada_w2_a=b, hada_w2_b=a
    )
    close(change(save_lora(tensors), CONV), tucker(cores[0], a, b) * tucker(cores[1], b, a))


def test_lokr_is_a_kronecker_product(save_lora):
    """LyCORIS: kron(w1, w2) (equation 5), scaled only where a factor is itself a product."""
    one, other = random(4, 4), random(16, 48)
    whole = kohya_layer(TO_K, lokr_w1=one, lokr_w2=other, alpha=torch.tensor(9.0))
    close(change(save_lora(whole, name="whole"), TO_K), torch.kron(one, other))
    a, b = random(16, 2), random(2, 48)
    split_up = kohya_layer(TO_K, lokr_w1=one, lokr_w2_a=a, lokr_w2_b=b, alpha=torch.tensor(9.0))
    close(change(save_lora(split_up, name="split"), TO_K), torch.kron(one, a @ b) * 9 / 2)
    core, left, right = random(2, 2, 3, 3), random(2, 16), random(2, 16)
    conv = kohya_layer(
        CONV, lokr_w1=one, lokr_t2=core, lokr_w2_a=left, lokr_w2_b=right, alpha=torch.tensor(1.0)
    )
    kernel = torch.einsum("rskl,ro,si->oikl", core, left, right)
    expected = torch.stack(
        [torch.kron(one, kernel[:, :, y, x]) for y in range(3) for x in range(3)], -1
    )
    close(change(save_lora(conv, name="conv"), CONV), expected.reshape(64, 64, 3, 3) / 2)


def test_a_convolution_in_three_steps(save_lora):
    """LoCon's middle: what the three convolutions do one after the other."""
    down, mid, up = random(2, 64, 1, 1), random(2, 2, 3, 3), random(64, 2, 1, 1)
    tensors = kohya_layer(
        CONV, lora_down__weight=down, lora_mid__weight=mid, lora_up__weight=up,
        alpha=torch.tensor(1.0),
    )  # fmt: skip
    picture = random(1, 64, 8, 8)
    steps = torch.nn.functional.conv2d(picture, down)
    steps = torch.nn.functional.conv2d(steps, mid, padding=1)
    steps = torch.nn.functional.conv2d(steps, up) / 2
    found = torch.nn.functional.conv2d(picture, change(save_lora(tensors), CONV), padding=1)
    assert (found - steps).abs().max() < 1e-5 * steps.abs().max()


def test_dora_brings_rows_or_columns_to_their_lengths(save_lora):
    """(W + BA) · m / |W + BA| (arXiv:2402.09353), by rows (out, 1) or columns (1, in)."""
    weight, down, up = parts()["unet"][f"{TO_K}.weight"], random(2, 192), random(64, 2)
    for shape, dim in (((64, 1), 1), ((1, 192), 0)):
        lengths = random(*shape).abs() + 1
        tensors = kohya_layer(
            TO_K, lora_down__weight=down, lora_up__weight=up, alpha=torch.tensor(1.0),
            dora_scale=lengths,
        )  # fmt: skip
        full = weight + up @ down / 2
        expected = full / full.norm(dim=dim, keepdim=True) * lengths
        ref = save_lora(tensors, name=f"by{dim}")
        close(change(ref, TO_K), expected - weight)
        delta = lora.read(ref, PICTUREBOOK, parts()).deltas["unet", f"{TO_K}.weight"]
        close(delta.add_to(weight, 0.5), (weight + expected) / 2)
        assert torch.equal(delta.add_to(weight, 0.0), weight)


def test_glora_takes_in_the_weight_itself(save_lora):
    """LyCORIS: (W a₁ a₂ + b₁ b₂) · alpha / rank; of a kernel each place by itself."""
    weight = parts()["unet"][f"{TO_K}.weight"]
    a1, a2, b1, b2 = random(192, 4), random(4, 192) + 1, random(64, 4), random(4, 192)
    tensors = kohya_layer(
        TO_K, a1__weight=a1, a2__weight=a2, b1__weight=b1, b2__weight=b2, alpha=torch.tensor(2.0)
    )
    close(change(save_lora(tensors, name="linear"), TO_K), (weight @ a1 @ a2 + b1 @ b2) / 2)

    kernel = parts()["unet"][f"{CONV}.weight"]
    a1, a2, b1, b2 = random(64, 4), random(4, 64) + 1, random(64, 4), random(4, 64, 3, 3)
    tensors = kohya_layer(
        CONV, a1__weight=a1[..., None, None], a2__weight=a2[..., None, None],
        b1__weight=b1[..., None, None], b2__weight=b2,
    )  # fmt: skip
    of_kernel = torch.stack(
        [kernel[:, :, y, x] @ a1 @ a2 for y in range(3) for x in range(3)], -1
    ).reshape(kernel.shape)
    expected = of_kernel + torch.einsum("or,rikl->oikl", b1, b2)
    close(change(save_lora(tensors, name="conv"), CONV), expected)


@pytest.mark.parametrize("module", [TO_K, CONV])
@pytest.mark.parametrize("constraint", [0.0, 0.001])
def test_oft_turns_blocks_of_rows(module, constraint, save_lora):
    """W becomes Rᵀ W with R = (I + Q)(I − Q)⁻¹, Q skew and of a norm up to constraint × rows: a
    rotation, so rows keep the angles and lengths they have together."""
    weight = parts()["unet"][f"{module}.weight"]
    blocks = random(4, 16, 16) * 0.1
    skew = blocks - blocks.mT
    if constraint:
        assert skew.norm() > constraint * 64
        skew = skew * constraint * 64 / skew.norm()
    eye = torch.eye(16)
    turn = torch.block_diag(*((eye + q) @ torch.linalg.inv(eye - q) for q in skew))
    tensors = kohya_layer(module, oft_blocks=blocks, alpha=torch.tensor(constraint))
    expected = (turn.T @ weight.flatten(1)).reshape(weight.shape)
    found = change(save_lora(tensors, name="plain"), module)
    close(weight + found, expected)
    turned = (weight + found).flatten(1)
    close(turned.T @ turned, weight.flatten(1).T @ weight.flatten(1))

    lengths = random(64).abs().reshape(64, *[1] * (weight.ndim - 1))
    tensors |= kohya_layer(module, rescale=lengths)
    close(change(save_lora(tensors, name="scaled"), module), expected * lengths - weight)


def test_whole_differences_and_gains(save_lora):
    weight = parts()["unet"][f"{CONV}.weight"]
    difference, of_bias = random(64, 64, 3, 3), random(64)
    ref = save_lora(kohya_layer(CONV, diff=difference, diff_b=of_bias), name="diff")
    close(change(ref, CONV), difference)
    close(change(ref, CONV, bias=True), of_bias)
    norm = "down_blocks.0.resnets.0.norm1"
    ref = save_lora(kohya_layer(norm, w_norm=of_bias, b_norm=of_bias), name="norm")
    close(change(ref, norm), of_bias)
    gains = random(64)
    for on_input, along in ((False, (-1, 1, 1, 1)), (True, (1, -1, 1, 1))):
        tensors = kohya_layer(CONV, weight=gains, on_input=torch.tensor(on_input))
        ref = save_lora(tensors, name=f"gains{on_input}")
        close(change(ref, CONV), weight * gains.reshape(along))
