"""The three primitives in Triton, for GPUs; in Triton's interpreter (`TRITON_INTERPRET=1`) also on the CPU.

`programs` is what runs on the GPU, `launch` calls it with plain tensors, `operators` has the rules for autograd, vmap and
torch.compile, `graphs` replays small networks as CUDA graphs, `memory` says what would fit where memory is short. Triton is
imported with these modules only, and the dispatch loads them with the first tensor on a GPU.
"""
