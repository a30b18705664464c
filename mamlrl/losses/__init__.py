"""One number for each task, with its gradient and curvature in the parameters of that task's network.

In: a batch of samples and a network. Out: losses of shape (task,), gradients, Hessian and Fisher products.
Contract: `output_loss.OutputLoss`, a function of the network's outputs and a batch.
"""
