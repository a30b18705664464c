"""Functions of one parameter vector, the distributions that their outputs parametrise, and their derivatives.

In: a flat parameter vector, shared or one for each task, and observations. Out: parameters of a distribution.
Contract: `network.Policy`, to act; `network.Network`, which adds the derivatives that learning needs.
"""
