"""The plainest generator that bases are held against: a mixture of Gaussians over principal components of the images.

A base that does not beat it in what samples look like has learned little; nobody needs a network for that.
"""

import numpy as np

COMPONENTS, PRINCIPAL = 20, 48  # Gaussians; principal components of the pixels


def mixture_samples(images: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """n samples, uint8 (n, C, H, W), of a mixture of full Gaussians fitted to uint8 images (N, C, H, W) by EM."""
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    flat = images.reshape(len(images), -1).astype(np.float64) / 255
    pca = PCA(min(PRINCIPAL, *flat.shape), random_state=seed).fit(flat)
    mixture = GaussianMixture(min(COMPONENTS, len(flat) // 20), reg_covar=1e-5, random_state=seed)
    codes = mixture.fit(pca.transform(flat)).sample(n)[0]
    order = np.random.default_rng(seed).permutation(n)  # scikit-learn sorts samples by component
    pixels = np.round(255 * pca.inverse_transform(codes[order])).clip(0, 255)
    return pixels.astype(np.uint8).reshape(n, *images.shape[1:])
