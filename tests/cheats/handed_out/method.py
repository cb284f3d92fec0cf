"""The control, handed out by the task, for nothing."""


def edit(generator, task, budget):
    return task.retrained
