"""Linear algebra that FD and Vendi scores need often: symmetric, in place, and safe for singular covariances."""

import numpy as np


def root(covariance: np.ndarray) -> np.ndarray:
    """Lower triangular L with L L^T = covariance (d, d): Cholesky, or by eigenvalues where it is singular."""
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        # C = (V l^(1/2)) (V l^(1/2))^T and (V l^(1/2))^T = Q R, so C = R^T R
        upper = np.asarray(np.linalg.qr((vectors * np.sqrt(np.maximum(values, 0))).T, mode="r"))
        return np.ascontiguousarray(upper.T)


def sandwich(root: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """L^T C L (d, d) for triangular L and symmetric C: half the work of two full products."""
    from scipy.linalg.blas import dtrmm

    half = dtrmm(1.0, root.T, covariance.T, side=0, lower=0)  # BLAS counts by columns: L arrives as its transpose
    return dtrmm(1.0, root.T, half, side=1, lower=0, trans_a=1, overwrite_b=1)


def times_root(root: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """L M for triangular L; M (d, d) as `eigh` returns it is overwritten."""
    from scipy.linalg.blas import dtrmm

    return dtrmm(1.0, root.T, matrix, side=0, lower=0, trans_a=1, overwrite_b=1)


def eigh(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (rising) and vectors of a symmetric matrix, in place: a copy is 34 MB at d = 2,048."""
    from scipy.linalg import eigh as solve

    return solve(_by_columns(matrix), overwrite_a=True, check_finite=False, driver="evd")


def eigvalsh(matrix: np.ndarray) -> np.ndarray:
    """Eigenvalues (rising) of a symmetric matrix, in place."""
    from scipy.linalg import eigvalsh as solve

    return solve(_by_columns(matrix), overwrite_a=True, check_finite=False)


def _by_columns(matrix: np.ndarray) -> np.ndarray:
    """A symmetric matrix in LAPACK's order, so that it can work in place."""
    return matrix if matrix.flags.f_contiguous else matrix.T
