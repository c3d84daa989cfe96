"""The cities that the server knows."""

from astral import Observer

CITIES = {
    "bern": Observer(latitude=46.948, longitude=7.447, elevation=0),
    "nairobi": Observer(latitude=-1.286, longitude=36.817, elevation=0),
    "reykjavik": Observer(latitude=64.147, longitude=-21.943, elevation=0),
}
