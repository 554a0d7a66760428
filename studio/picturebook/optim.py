"""The optimiser: orthogonalised momentum for weight matrices, AdamW for all else.

Measured on the VAE here: as far after 100 steps as AdamW alone after 800.
"""

import torch

# The published quintic iteration of the Muon optimiser: pushes all singular values towards 1.
_A, _B, _C = 3.4445, -4.7750, 2.0315


@torch.no_grad()
def orthogonalised(matrix, rounds=5):
    """About the nearest (semi-)orthogonal matrix to `matrix` (rows, columns), float32.

    The polynomials are multiplied up on the small Gram matrix, which they commute with, so
    that only two products are as large as the matrix itself.
    """
    x = matrix.float()
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    identity = torch.eye(len(x), device=x.device)
    # float32 and a small shift: an eigenvalue that rounding made negative would explode.
    gram = x @ x.T + 1e-5 * identity
    total = identity
    for k in range(rounds):
        polynomial = _A * identity + _B * gram + _C * gram @ gram
        total = polynomial @ total
        if k < rounds - 1:
            gram = polynomial @ gram @ polynomial
    x = (total.bfloat16() @ x.bfloat16()).float()
    return x.T if tall else x


class Optimizer:
    """Takes one step for all weights of `modules`.

    Kernels and matrices but those at the ends (whose names contain a word of `plain`) get
    orthogonalised momentum with `matrix_rate`; the others AdamW with `rate`.
    """

    def __init__(self, modules, rate, matrix_rate, plain=()):
        named = [item for module in modules for item in module.named_parameters()]
        self.matrices = [p for name, p in named if p.ndim > 1 and not _at_end(name, plain)]
        chosen = {id(p) for p in self.matrices}
        self.others = [p for _, p in named if id(p) not in chosen]
        self.rate, self.matrix_rate, self.momentum = rate, matrix_rate, 0.95
        self.buffers = [torch.zeros_like(p) for p in self.matrices]
        self.adam = torch.optim.AdamW(
            self.others, lr=rate, betas=(0.9, 0.99), weight_decay=1e-3, fused=True
        )

    @torch.no_grad()
    def step(self, factor):
        """Update with both rates times `factor` (0..1), then clear the gradients."""
        torch.nn.utils.clip_grad_norm_(self.others, 1.0)
        self.adam.param_groups[0]["lr"] = self.rate * factor
        self.adam.step()
        for weight, buffer in zip(self.matrices, self.buffers, strict=True):
            if weight.grad is None:
                continue
            buffer.lerp_(weight.grad, 1 - self.momentum)
            ahead = weight.grad.lerp(buffer, self.momentum).flatten(1)
            rows, columns = ahead.shape
            update = orthogonalised(ahead) * max(1.0, rows / columns) ** 0.5
            weight.add_(update.reshape(weight.shape), alpha=-self.matrix_rate * factor)
        for weight in (*self.matrices, *self.others):
            weight.grad = None

    def state_dict(self):
        """For checkpoints."""
        return {"adam": self.adam.state_dict(), "buffers": self.buffers}

    def load_state_dict(self, state):
        """Go on from a checkpoint."""
        self.adam.load_state_dict(state["adam"])
        for buffer, saved in zip(self.buffers, state["buffers"], strict=True):
            buffer.copy_(saved)


def _at_end(name, plain):
    return any(word in name for word in plain)
