"""The plainest generator that bases are held against: a mixture of Gaussians over principal components of the images.

A base that does not beat it has learned little; nobody needs a network for that.
"""

import math

import numpy as np

COMPONENTS, PRINCIPAL = 20, 48  # Gaussians; principal components of the pixels
EACH = 200  # images for each Gaussian at least: with fewer its covariance fits them and nothing else
FITTED = 12_000  # images that it is fitted to, at most


class Mixture:
    """A mixture of full Gaussians on the first principal components, one isotropic Gaussian on all others.

    Args:
        images: uint8 (N, C, H, W), at least two; bins: levels of a pixel; seed: of the fit.
    """

    def __init__(self, images: np.ndarray, bins: int = 256, seed: int = 0) -> None:
        from sklearn.decomposition import PCA
        from sklearn.mixture import GaussianMixture

        self.shape, self.bins, self.seed = images.shape[1:], bins, seed
        x = self._continuous(images[:FITTED])
        self.pca = PCA(min(PRINCIPAL, *x.shape), random_state=seed).fit(x)
        components = max(1, min(COMPONENTS, len(x) // EACH))
        self.gaussians = GaussianMixture(components, reg_covar=1e-5, random_state=seed).fit(self.pca.transform(x))
        self.others = x.shape[1] - self.pca.n_components_
        self.left = max(self._residual(x).mean() / max(self.others, 1), 1e-9)  # variance in each other direction

    def sample(self, n: int) -> np.ndarray:
        """n samples, uint8 (n, C, H, W), without the noise of the other directions."""
        codes = self.gaussians.sample(n)[0][np.random.default_rng(self.seed).permutation(n)]  # they come by component
        pixels = np.round(255 * self.pca.inverse_transform(codes)).clip(0, 255)
        return pixels.astype(np.uint8).reshape(n, *self.shape)

    def bits_per_dim(self, images: np.ndarray) -> np.ndarray:
        """-log2 p / D of quantised uint8 images (N, C, H, W), float64 (N,), as flows state it."""
        x = self._continuous(images)
        main = self.gaussians.score_samples(self.pca.transform(x))
        log_p = main - 0.5 * (self.others * math.log(2 * math.pi * self.left) + self._residual(x) / self.left)
        return math.log2(self.bins) - log_p / (x.shape[1] * math.log(2))

    def _continuous(self, images: np.ndarray) -> np.ndarray:
        """Bins with uniform noise, float64 (N, D) in [0, 1)."""
        flat = np.floor(images.reshape(len(images), -1) * (self.bins / 256))
        return (flat + np.random.default_rng(self.seed).random(flat.shape)) / self.bins

    def _residual(self, x: np.ndarray) -> np.ndarray:
        """Squared length of rows (N, D) in the other directions, (N,)."""
        centred = x - self.pca.mean_
        return np.maximum(np.square(centred).sum(1) - np.square(centred @ self.pca.components_.T).sum(1), 0)
