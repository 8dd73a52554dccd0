"""The physics and the anatomy of simulated breast B-mode images.

Random scatterers, as strong as their tissue and blurred by a point-spread
function (PSF), give speckle; attenuation adds up along the beam, so that a
lesion shades or brightens what lies behind it; the envelope is compressed to
grey. Lesions follow BI-RADS (ACR BI-RADS Atlas, 5th ed., 2013).
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from ..busi_folder import LABELS


@dataclass(frozen=True)
class Frame:
    """A picture (uint8) and its ground truth; all arrays are (h, w).

    masks: list of bool, one per lesion; envelope: float32, linear; expected:
    float32, the root mean square of the envelope where tissue is uniform.
    """

    image: np.ndarray
    masks: list
    envelope: np.ndarray
    expected: np.ndarray


@dataclass(frozen=True)
class Probe:
    """A Gaussian PSF: standard deviations in pixels, depths in heights.

    `lateral` wide at depth `focus`, sqrt(2) times as wide one `zone` away.
    """

    axial: float = 1.2
    lateral: float = 2.2
    focus: float = 0.4
    zone: float = 0.4


@dataclass(frozen=True)
class Scanner:
    """How a scanner draws the same breast; the defaults are the usual one.

    frequency: times the usual; half of it has twice the wavelength, so that
    the grain is twice as coarse, and half the attenuation (Szabo 2014,
    Diagnostic Ultrasound Imaging, chapter 4), so that shadows are fainter.
    beam: times the usual width. gain: dB added to all echoes. dynamic_range:
    times the usual dB between black and white. height, width: of the picture,
    times the usual pixels.
    """

    frequency: float = 1.0
    beam: float = 1.0
    gain: float = 0.0
    dynamic_range: float = 1.0
    height: float = 1.0
    width: float = 1.0


USUAL = Scanner()


def speckle(height, width, rng, probe=None):
    """Return the envelope (height, width), float32, of uniform speckle.

    Fully developed, so by the Rayleigh law, mean / standard deviation = sqrt(
    pi / (4 - pi)) = 1.913, with a mean square of 1 (Burckhardt 1978, IEEE
    Trans Sonics Ultrason 25:1; Wagner et al. 1983, same journal 30:156).
    """
    return echoes(np.ones((height, width), np.float32), rng, probe or Probe())


def round_lesion(darker, swallows, looks=1):
    """Return grey values (160, 200), float, of plain tissue with a disc in it.

    darker: dB that the disc sends back less than the tissue; swallows: dB that
    it takes away more on the way through its middle, below 0: less; looks: how
    many frames with other scatterers are averaged. 50 dB fill the grey scale.
    """
    y, x = np.mgrid[:160, :200]
    disc = (y - 60) ** 2 + (x - 100) ** 2 < 30**2
    through = np.cumsum(disc, axis=0) / 60  # 1: all of its middle
    level = np.float32(10 ** ((-darker * disc - swallows * through) / 20))
    rngs = [np.random.default_rng((0, look)) for look in range(looks)]
    mean = np.mean([echoes(level, rng, Probe()) for rng in rngs], axis=0)
    return np.clip(180 + 255 / 50 * 20 * np.log10(mean), 0, 255)


def simulate(label, rng, height=470, width=560, n_lesions=1, scanner=USUAL):
    """Return a `Frame` of a simulated breast with lesions of the given label.

    label: "normal" has no lesions; rng: a numpy Generator; height, width:
    pixels, before the scanner's own factors. With an equally seeded rng two
    scanners show the same breast, each with a speckle of its own.
    ValueError: another label, or a side below 64 pixels.
    """
    if label not in LABELS:
        rule = f"it must be one of {', '.join(LABELS)}."
        raise ValueError(f"label is {label!r}: {rule}")
    if min(height, width) < 64:
        few = f"{width} x {height} pixels are too few"
        raise ValueError(f"{few}: use 64 x 64 or more.")
    # anatomy at half the resolution: four times as fast, and the PSF hides it
    level, layers = breast((height + 1) // 2, (width + 1) // 2, rng)
    add_distractors(level, layers, rng)
    loss = shadows(layers, len(level), rng)
    masks = []
    for slot in range(n_lesions if label != "normal" else 0):
        points = lesion_outline(label, height, width, (slot, n_lesions), rng)
        masks.append(polygon_mask(points, height, width))
        small = polygon_mask(points / 2, *level.shape)
        add_lesion(label, small, level, loss, rng)
    level -= np.float32(scanner.frequency) * loss
    level = cv2.resize(level, (width, height)) + gain_error(height, rng)
    expected = np.exp(level * np.float32(math.log(10) / 20))
    expected += np.float32(10 ** (rng.uniform(-36, -24) / 20))  # noise floor
    grain, focus = rng.uniform(0.8, 1.3) * width / 560, rng.uniform(0.25, 0.6)
    grain /= scanner.frequency
    probe = Probe(1.2 * grain, 2.2 * grain * scanner.beam, focus)
    envelope = echoes(expected, rng, probe)
    image = compress(envelope, expected, grain, rng, scanner)
    return exported(Frame(image, masks, envelope, expected), scanner)


def exported(frame, scanner):
    """Return a frame in the size and form that a scanner exports."""
    height, width = frame.image.shape
    size = round(width * scanner.width), round(height * scanner.height)
    if size == (width, height):
        return frame
    how = {"dsize": size, "interpolation": cv2.INTER_AREA}
    soft = [cv2.resize(mask * np.float32(1), **how) for mask in frame.masks]
    maps = frame.image, frame.envelope, frame.expected
    image, *echoes = (cv2.resize(one, **how) for one in maps)
    return Frame(image, [mask >= 0.5 for mask in soft], *echoes)


# ---- the physics


def echoes(amplitude, rng, probe):
    """Return the envelope of scatterers of some strength, float32 (h, w)."""
    depth = np.arange(len(amplitude)) / len(amplitude)
    away = (depth - probe.focus) / probe.zone
    beam = probe.lateral * np.sqrt(1 + away**2)
    rim = math.ceil(2.5 * beam.max())  # scatterers beside the picture count
    amplitude = cv2.copyMakeBorder(amplitude, *[rim] * 4, cv2.BORDER_REPLICATE)
    field = rng.standard_normal((*amplitude.shape, 2), np.float32)  # complex
    field *= amplitude[..., None] * np.float32(math.sqrt(0.5))
    field = cv2.sepFilter2D(field, -1, np.ones(1), gaussian(probe.axial))
    field = blur_rows(field[rim:-rim], beam)[:, rim:-rim]
    return np.sqrt(np.einsum("hwc,hwc->hw", field, field))


def blur_rows(field, beam):
    """Blur each row of a field (h, w, 2) by its own width, keeping its power.

    beam: (h,), standard deviations; seven are used and blended in between.
    """
    rows = np.arange(len(field))
    knots = np.linspace(0, len(field) - 1, 7)
    kernels = [gaussian(sigma) for sigma in np.interp(knots, rows, beam)]
    share = np.stack([np.interp(rows, knots, unit) for unit in np.eye(7)])
    longest = max(map(len, kernels))
    centred = [np.pad(k, (longest - len(k)) // 2) for k in kernels]
    # a blend of two blurs has less power than either
    power = np.linalg.norm(share.T @ centred, axis=1)
    share = (share / power).astype(np.float32)
    blurred = np.zeros_like(field)
    for weight, kernel in zip(share, kernels, strict=True):
        first, *_, last = np.flatnonzero(weight)
        band = slice(first, last + 1)
        part = cv2.sepFilter2D(field[band], -1, kernel, np.ones(1))
        blurred[band] += weight[band, None, None] * part
    return blurred


def gaussian(sigma):
    """Return a Gaussian kernel of unit energy: white noise keeps its power."""
    x = np.arange(-math.ceil(2.5 * sigma), math.ceil(2.5 * sigma) + 1)
    kernel = np.exp(-0.5 * (x / sigma) ** 2)
    return kernel / np.linalg.norm(kernel)


def compress(envelope, expected, grain, rng, scanner=USUAL):
    """Return the grey picture, uint8 (h, w): 42 to 60 dB fill 0 to 255.

    That is the usual scanner's range; its gain is 0 dB.

    Scanners compound views from several angles, in whose mean speckle fades:
    here what it tends to (`expected`) is mixed in.
    """
    # weight of this view, as if 1 / weight**2 views were compounded
    weight = rng.uniform(0.4, 0.7)
    view = cv2.log(envelope + np.float32(1e-6))
    mixed = weight * view + (1 - weight) * cv2.log(expected)
    decibel = 255 / (rng.uniform(42, 60) * scanner.dynamic_range)
    middle = max(85, rng.normal(122, 24)) + decibel * scanner.gain
    step = decibel * 20 / math.log(10)  # per natural log
    grey = np.clip(middle + step * mixed, -30, 285)
    grey = cv2.GaussianBlur(grey, (0, 0), 1.3 * grain, sigmaY=0.8 * grain)
    return np.clip(grey, 0, 255).astype(np.uint8)


def gain_error(height, rng):
    """Return the error of the time-gain compensation, dB, (height, 1)."""
    u = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    end = rng.uniform(0.35, 0.9)  # beyond this depth the echoes are too weak
    fade = rng.uniform(0, 18) * np.clip((u - end) / (1 - end), 0, 1) ** 1.3
    drift = 2.5 * noise(height, 1, (height / 3, 1), rng)
    return (drift - fade).astype(np.float32)


def noise(height, width, grain, rng):
    """Return smooth random values, float32 (height, width).

    grain: (dy, dx), pixels between independent values.
    """
    sides = zip((height, width), grain, strict=True)
    shape = [math.ceil(side / step) + 2 for side, step in sides]
    coarse = rng.standard_normal(shape, np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


# ---- the anatomy: `level`, the strength of scattering, and `loss`, both dB


def breast(h, w, rng):
    """Return level (h, w), layers (3, w): rows where skin, fat, gland end."""
    y = np.arange(h, dtype=np.float32)[:, None]
    wave = noise(2, w, (1, w / 5), rng)
    skin = h * rng.uniform(0.025, 0.06) * (1 + 0.1 * wave[0])
    lobes = np.abs(noise(1, w, (1, w / rng.integers(2, 6)), rng)[0])
    fat = skin + h * (rng.uniform(0.03, 0.25) + rng.uniform(0.02, 0.1) * lobes)
    gland = h * (rng.uniform(0.55, 0.95) + 0.03 * wave[1])
    gland = np.maximum(fat + 0.15 * h, gland)
    bend = (fat - fat.mean()) * np.exp(-3 * y / h)
    bend = bend + 0.06 * h * noise(h, w, (h, w), rng)
    rows = (y - bend).astype(np.float32)
    columns = np.tile(np.arange(w, dtype=np.float32), (h, 1))

    def bent(dy, dx):  # texture follows the wavy layers
        flat = noise(h, w, (max(1, h / dy), w / dx), rng)
        return cv2.remap(flat, columns, rows, cv2.INTER_LINEAR, borderMode=2)

    fine, lumps, bundles = bent(60, 16), bent(14, 8), bent(45, 3)
    # bright where this is zero, and broken
    fibres = np.exp(-((bent(36, 7) / 0.25) ** 2))
    fibres *= np.clip(0.6 + bent(20, 10), 0, 1.5)
    tissue = (y > skin).astype(np.uint8) + (y > fat) + (y > gland)
    textures = (
        np.full((h, w), rng.uniform(-6, 0), np.float32),
        rng.uniform(-11, -6) + 1.5 * lumps + fine,
        rng.uniform(1, 3) * fine + rng.uniform(3, 7) * lumps + 10 * fibres - 2,
        rng.uniform(-11, -6) + 4 * bundles + 9 * fibres * (bundles > 0),
    )
    level = np.choose(tissue, textures).astype(np.float32)
    edges = (0.1 * skin, 13), (skin, 12), (fat, 11), (gland, 13)
    for edge, strength in edges:
        seen = np.clip(0.6 + 0.6 * noise(1, w, (1, w / 12), rng), 0, 1.5)
        line = np.exp(-(((y - edge) / max(1, 0.007 * h)) ** 2))
        level += strength * seen * line
    septa = np.exp(-(((bent(7, 4) + 0.1 * fine) / 0.06) ** 2))
    level += (tissue == 1) * 14 * septa * (lumps > -0.3)
    return level.astype(np.float32), np.stack([skin, fat, gland])


def add_distractors(level, layers, rng):
    """Draw fat lobules and ducts into the gland: dark, but no lesions."""
    h, w = level.shape
    ducts = [0.03] * rng.poisson(0.7)
    for size in [*rng.uniform(0.06, 0.22, rng.poisson(2.5)), *ducts]:
        x, half = rng.uniform(0, w), w * size / 2
        y = rng.uniform(*layers[1:, int(x)])
        points = outline(half, half / rng.uniform(1.6, 3.5), 0.3, 0, rng)
        mask = polygon_mask(points + np.array([x, y]), h, w)
        inner = -20 if size == 0.03 else rng.uniform(-11, -5)
        inlay(level, mask, inner, 1.2, rng.uniform(0, 8))


def shadows(layers, height, rng):
    """Return the loss (h, w) to ligaments, bad contact and ribs."""
    width = layers.shape[1]
    x, y = np.arange(width), np.arange(height)[:, None]
    loss = np.zeros((height, width), np.float32)
    for _ in range(rng.poisson(1.5)):  # Cooper's ligaments, steep
        middle, slope = rng.uniform(0, width), rng.uniform(-0.2, 0.2)
        column = (x - middle - slope * y) / (rng.uniform(0.015, 0.06) * width)
        start = layers[rng.integers(2), int(middle)]
        ramp = np.clip((y - start) / (0.15 * height), 0, 1)
        loss += rng.uniform(2, 9) * ramp * np.exp(-0.5 * column**2)
    if rng.random() < 0.3:  # the probe lifts off at one side
        away = x if rng.random() < 0.5 else x[::-1]
        strength, reach = rng.uniform(8, 25), rng.uniform(0.03, 0.1) * width
        loss += strength * np.exp(-away / reach)
    if rng.random() < 0.1:  # a rib: a bright arch, nothing behind it
        middle, half = rng.uniform(0, width), rng.uniform(0.15, 0.3) * width
        arch = rng.uniform(0.75, 0.9) + 0.1 * ((x - middle) / half) ** 2
        below = y - arch * height
        loss += 20 * np.clip(below / (0.05 * height), 0, 1)
        loss -= 12 * np.exp(-((below / (0.012 * height)) ** 2))
    return loss


# ---- the lesions


def outline(across, down, rough, spicules, rng):
    """Return a closed outline (240, 2) of x, y in pixels around (0, 0).

    across, down: half axes; rough: 0 smooth to 1 angular, lobed.
    """
    angle = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    radius = np.ones_like(angle)
    for k in range(2, 14):
        swell = rough * rng.normal(0, 0.32) / k
        radius += swell * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    for _ in range(spicules):
        apart = np.angle(np.exp(1j * (angle - rng.uniform(0, 2 * np.pi))))
        sharp = rng.uniform(0.05, 0.12)
        radius += rng.uniform(0.1, 0.4) * np.exp(-((apart / sharp) ** 2))
    radius = np.maximum(radius, 0.3)
    x, y = across * radius * np.cos(angle), down * radius * np.sin(angle)
    tilt = rng.normal(0, 0.1 + 0.2 * rough)
    turn = [[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]]
    return np.stack([x, y], 1) @ turn


def polygon_mask(points, height, width):
    """Return the bool mask (height, width) of an outline."""
    mask = np.zeros((height, width), np.uint8)
    polygon = np.round(points).astype(np.int32)
    return cv2.fillPoly(mask, [polygon], 1).astype(bool)


def lesion_outline(label, height, width, slot, rng):
    """Return the outline of a new lesion, (240, 2) of x, y in pixels.

    slot: (i, n), it is the i-th of n side by side. Sizes and depths are as in
    BUSI. By BI-RADS benign lesions are oval, malignant ones rough and more
    often taller than wide ("not parallel").
    """
    i, n = slot
    if label == "benign":
        size, flat = rng.lognormal(-1.3, 0.55), rng.lognormal(0.55, 0.35)
        depth, rough, spicules = 0.3, rng.uniform(0, 0.25), 0
    else:
        size, flat = rng.lognormal(-1.1, 0.4), rng.lognormal(0.1, 0.3)
        depth, rough = 0.36, rng.uniform(0.4, 1.4)
        spicules = rng.integers(0, 7)
    across = width / n * np.clip(size, 0.07, 0.75) / 2
    down = min(across / flat, 0.3 * height)
    across = min(across, 1.3 * down * flat)
    x = width * (i + np.clip(rng.normal(0.5, 0.14), 0.2, 0.8)) / n
    y = max(0.07 * height + down, height * rng.normal(depth, 0.1))
    points = outline(across, down, rough, spicules, rng) + np.array([x, y])
    ends = width * i / n + 3 * (i > 0), width * (i + 1) / n - 3 * (i < n - 1)
    points[:, 0] = np.clip(points[:, 0], *ends)  # two lesions never touch
    return points


def inlay(level, mask, inner, blur, rim, texture=0.0):
    """Set a region of `level` to `inner` dB, with a rim above and below."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), blur)
    slope = np.abs(cv2.Sobel(soft, -1, 0, 1)) * (blur / 2)
    level += soft * (inner + texture - level) + rim * np.minimum(slope, 1)


def add_lesion(label, mask, level, loss, rng):
    """Put a lesion into `level` and its posterior features into `loss`."""
    h, w = mask.shape
    around = level[mask].mean()
    texture = noise(h, w, (h / 40, w / 40), rng)
    behind = rng.normal(-4, 2.5)  # dB lost at most; below 0: enhancement
    if label == "benign":
        if rng.random() < 0.18:  # a cyst
            drop, behind = rng.uniform(18, 30), rng.uniform(-12, -6)
        else:
            drop = np.clip(rng.normal(8.5, 3.5), 2, 16)
        rim, texture = rng.uniform(1, 9), 0.7 * texture
        inlay(level, mask, around - drop, 0.8, rim, texture)
        if rng.random() < 0.6:
            add_edge_shadows(mask, loss, rng.uniform(4, 10))
    else:
        drop = np.clip(rng.normal(9, 3.5), 2, 18)
        behind = rng.uniform(5, 19) if rng.random() < 0.75 else behind
        coarse = rng.uniform(2, 6) * noise(h, w, (h / 14, w / 14), rng)
        texture = 2 * texture + coarse
        if rng.random() < 0.4:  # calcifications
            spots = rng.choice(np.argwhere(mask), rng.integers(3, 15))
            texture[tuple(spots.T)] += 35
            texture = cv2.GaussianBlur(texture, (0, 0), 0.6)
        halo = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.025 * w)
        level += rng.uniform(0, 5) * halo
        inlay(level, mask, around - drop, rng.uniform(0.8, 2.5), 0, texture)
    path = np.cumsum(mask, 0, np.float32)
    path = cv2.GaussianBlur(path, (0, 0), 0.015 * w, sigmaY=0.1)
    loss += np.float32(behind) * path / path.max()


def add_edge_shadows(mask, loss, strength):
    """Add the narrow shadows below a smooth lesion's two sides to `loss`."""
    h, w = mask.shape
    rows, columns = np.nonzero(mask)
    below = np.arange(h)[:, None] - rows.mean()
    fade = strength * (below > 0) * np.exp(-below.clip(0) / (0.3 * h))
    for side in (columns.min(), columns.max()):
        away = (np.arange(w) - side) / (0.012 * w)
        loss += fade * np.exp(-0.5 * away**2)
