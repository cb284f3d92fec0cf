"""FD through torch-fidelity's own front end, with a registered extractor, equals ours on real images."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from retouch import metrics

fidelity = pytest.importorskip("torch_fidelity")
base = pytest.importorskip("torch_fidelity.feature_extractor_base").FeatureExtractorBase


class TinyFeatures(base):
    """Two fixed random convolutions and a pooling: 48 features of a uint8 image."""

    INPUT_DTYPE = torch.uint8

    def __init__(self, name: str, features_list: list[str], **kwargs: object) -> None:
        super().__init__(name, features_list)
        generator = torch.Generator().manual_seed(0)
        self.first = torch.randn(12, 3, 3, 3, generator=generator) / 5
        self.second = torch.randn(12, 12, 3, 3, generator=generator) / 10

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return ("pooled",)

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return "pooled"

    @staticmethod
    def can_be_compiled() -> bool:
        return False

    @staticmethod
    def get_dummy_input_for_compile() -> torch.Tensor:
        return torch.zeros(1, 3, 8, 8, dtype=torch.uint8)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        x = torch.nn.functional.relu(torch.nn.functional.conv2d(images.float() / 255, self.first))
        x = torch.nn.functional.leaky_relu(torch.nn.functional.conv2d(x, self.second), 0.2)
        return self.convert_features_tuple_to_dict({"pooled": torch.nn.functional.adaptive_avg_pool2d(x, 2).flatten(1)})

    def convert_features_tuple_to_dict(self, features: object) -> object:
        return features if isinstance(features, dict) else {"pooled": features[0]}


class Images(torch.utils.data.Dataset):
    """uint8 (3, 8, 8) tensors, as torch-fidelity asks for."""

    def __init__(self, images: np.ndarray) -> None:
        self.images = torch.from_numpy(images)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> torch.Tensor:
        return self.images[i]


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Two halves of the handwritten digits, uint8 (n, 3, 8, 8)."""
    images = np.repeat((load_digits().images * 15.9).astype(np.uint8)[:, None], 3, axis=1)
    return images[:800].copy(), images[800:1600].copy()


@pytest.mark.filterwarnings("ignore")
def test_registered_extractor_gives_our_numbers():
    fidelity.register_feature_extractor("tiny-features", TinyFeatures)
    a, b = digits()
    peer = fidelity.calculate_metrics(
        input1=Images(a),
        input2=Images(b),
        feature_extractor="tiny-features",
        fid=True,
        kid=True,
        prc=True,
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
        kid_subset_size=800,
        kid_subsets=1,
        prc_neighborhood=5,
        feature_layer_fid="pooled",
        feature_layer_kid="pooled",
        feature_layer_prc="pooled",
    )
    extractor = TinyFeatures("tiny-features", ["pooled"])
    with torch.no_grad():
        x, y = (extractor(torch.from_numpy(images))["pooled"].numpy() for images in (a, b))
    ours = metrics.suite(x, y)
    assert ours["fd"].plain == pytest.approx(peer["frechet_inception_distance"], rel=5e-6)
    assert ours["kd"].value == pytest.approx(peer["kernel_inception_distance_mean"], abs=5e-6)
    assert ours["precision"].value == pytest.approx(peer["precision"], abs=1e-6)
    assert ours["recall"].value == pytest.approx(peer["recall"], abs=1e-6)
