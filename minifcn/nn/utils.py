"""What PyTorch keeps in torch.nn.utils: gradients, clipped before a step."""

from minifcn.autograd.clipping import clip_grad_norm_

__all__ = ["clip_grad_norm_"]
