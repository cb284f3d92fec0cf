"""Two pieces of linear algebra that spare memory and survive singular covariances."""
import numpy as np


def root(covariance: np.ndarray) -> np.ndarray:
    """L with L L^T = covariance (d, d): Cholesky, or by eigenvalues where the covariance is singular."""
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        return vectors * np.sqrt(np.maximum(values, 0))


def eigh(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (rising) and vectors of a symmetric matrix, in place: a copy is 34 MB at d = 2,048."""
    from scipy.linalg import eigh as solve

    return solve(matrix.T, overwrite_a=True, check_finite=False, driver="evd")
