"""What an array must be before it is measured. Each error says which array, what was found, what is wanted."""

import numpy as np

LIMITS = {"float32": 1e6, "float64": 1e24}


def unmasked(array: np.ndarray, name: str) -> np.ndarray:
    """`array` as a plain array; numpy would pass a masked array's hidden values on as if nothing were masked."""
    if np.ma.isMaskedArray(array) and (masked := np.ma.count_masked(array)):
        raise ValueError(f"{name}: found {masked} masked values, wanted none: leave these rows out or fill them")
    return np.asarray(array)


def as_features(array: np.ndarray, name: str, least: int = 2) -> np.ndarray:
    """`array` as a finite (n, d) float array of at least `least` rows; float32 stays float32, all else float64."""
    array = unmasked(array, name)
    if array.dtype == object or not (np.issubdtype(array.dtype, np.number) or array.dtype == bool):
        raise ValueError(f"{name}: found dtype {array.dtype}, wanted numbers of shape (n, d)")
    if np.iscomplexobj(array):
        raise ValueError(f"{name}: found complex numbers, wanted real ones")
    if array.ndim != 2:
        raise ValueError(f"{name}: found shape {array.shape}, wanted (n, d): one row of features for each image")
    if array.shape[1] == 0:
        raise ValueError(f"{name}: found rows of width 0, wanted at least one feature")
    if len(array) < least:
        raise ValueError(f"{name}: found {len(array)} rows, wanted at least {least}")
    array = np.ascontiguousarray(array, dtype=np.float32 if array.dtype == np.float32 else np.float64)
    return _small_enough(_finite(array, name), name)


def as_pair(generated: np.ndarray, reference: np.ndarray, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Both sets of features, checked, and of one width."""
    generated, reference = as_features(generated, "generated", least), as_features(reference, "reference", least)
    same_width(generated, reference)
    return generated, reference


def same_width(generated: np.ndarray, reference: np.ndarray) -> None:
    """Both sets must come from the same feature network."""
    if generated.shape[1] != reference.shape[1]:
        raise ValueError(
            f"generated and reference: found widths {generated.shape[1]} and {reference.shape[1]}, "
            "wanted the same features on both sides"
        )


def as_weights(weights: np.ndarray | None, n: int, name: str = "weights") -> np.ndarray:
    """Non-negative weights for n rows, normalised to sum 1; None means equal weights."""
    if weights is None:
        return np.full(n, 1.0 / n)
    weights = as_vector(weights, name)
    if len(weights) != n:
        raise ValueError(f"{name}: found {len(weights)} weights, wanted {n}, one for each row")
    if weights.min() < 0 or weights.sum() <= 0:
        raise ValueError(
            f"{name}: found a minimum of {weights.min():g} and a sum of {weights.sum():g}, "
            "wanted weights >= 0 with a positive sum"
        )
    return weights / weights.sum()


def as_vector(values: np.ndarray, name: str, least: int = 1) -> np.ndarray:
    """A finite (n,) float64 array of at least `least` values."""
    values = unmasked(values, name).astype(np.float64)
    if values.ndim != 1 or len(values) < least:
        raise ValueError(f"{name}: found shape {values.shape}, wanted (n,) with n at least {least}")
    return _finite(values, name)


def as_counts(counts: np.ndarray, name: str) -> np.ndarray:
    """Non-negative whole numbers (classes,) with a positive sum, as float64."""
    counts = as_vector(counts, name, least=2)
    if counts.min() < 0 or np.any(counts != np.round(counts)) or counts.sum() == 0:
        raise ValueError(f"{name}: found {counts[:8]}, wanted counts: whole numbers >= 0, not all 0")
    return counts


def as_distribution(values: np.ndarray, name: str, classes: int) -> np.ndarray:
    """Probabilities (classes,) that sum to 1."""
    values = as_vector(values, name)
    if len(values) != classes:
        raise ValueError(f"{name}: found {len(values)} values, wanted {classes}, one for each class")
    if values.min() < 0 or abs(values.sum() - 1) > 1e-6:
        raise ValueError(
            f"{name}: found a minimum of {values.min():g} and a sum of {values.sum():g}, "
            "wanted probabilities that sum to 1"
        )
    return values / values.sum()


def as_images(images: np.ndarray, name: str = "images") -> np.ndarray:
    """uint8 (n, C, H, W) with C = 1 or 3: the only form in which images are measured."""
    images = unmasked(images, name)
    if images.dtype != np.uint8:
        raise ValueError(f"{name}: found dtype {images.dtype}, wanted uint8 in 0..255")
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"{name}: found shape {images.shape}, wanted (n, C, H, W) with n >= 1")
    if images.shape[1] not in (1, 3):
        last = " (channels seem to come last)" if images.shape[3] in (1, 3) else ""
        raise ValueError(f"{name}: found shape {images.shape}{last}, wanted (n, C, H, W) with C = 1 or 3")
    return images


def _small_enough(array: np.ndarray, name: str) -> np.ndarray:
    """The kernel takes sixth powers: beyond these sizes they overflow, and the result would be no number."""
    limit, most = LIMITS[array.dtype.name], max(array.max(), -array.min())
    if most > limit:
        raise ValueError(f"{name}: found a value of size {most:.3g}, wanted {array.dtype} features below {limit:g}")
    return array


def _finite(array: np.ndarray, name: str) -> np.ndarray:
    if not np.isfinite(array.sum()):  # a sum needs no mask; where huge finite values overflow, the next lines see none
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            where = tuple(int(i) for i in bad[0])
            raise ValueError(
                f"{name}: found {len(bad)} NaN or infinite values, the first at {where}; wanted finite ones"
            )
    return array
