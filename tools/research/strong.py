"""A stronger augmentation, which `experiments` compares to the usual one."""

import cv2
import numpy as np

from helpers.model import augmentation


class Batches(augmentation.Batches):
    """Wider geometry; blur, sharpening, speckle, gain fields and cut-outs."""

    def pair(self, k):
        rng = np.random.default_rng((self.seed, self.epoch, k))
        image, label = augmentation.augment(
            self.images[k], self.labels[k], rng
        )
        size = image.shape[0]
        kind = rng.random()
        if kind < 0.25:
            sigma = rng.uniform(0.4, 1.4) * size / 128
            image = cv2.GaussianBlur(image, (0, 0), sigma)
        elif kind < 0.4:
            soft = cv2.GaussianBlur(image, (0, 0), 1.5 * size / 128)
            image = cv2.addWeighted(image, 1.8, soft, -0.8, 0)
        if rng.random() < 0.4:
            grains = max(2, int(size * rng.uniform(0.3, 1)))
            noise = rng.normal(0, 1, (grains, grains)).astype("float32")
            strength = rng.uniform(0.05, 0.25)
            noise = 1 + strength * cv2.resize(noise, (size, size))
            image = np.clip(image * noise, 0, 255).astype(np.uint8)
        if rng.random() < 0.3:
            gain = rng.uniform(0.5, 1.4, (4, 4)).astype("float32")
            gain = cv2.resize(
                gain, (size, size), interpolation=cv2.INTER_CUBIC
            )
            image = np.clip(image * gain, 0, 255).astype(np.uint8)
        if rng.random() < 0.3:
            h, w = (rng.uniform(0.05, 0.2, 2) * size).astype(int) + 1
            y, x = rng.integers(0, size - h), rng.integers(0, size - w)
            image = image.copy()
            image[y : y + h, x : x + w] = rng.integers(0, 160)
        return image, label
