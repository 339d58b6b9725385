from __future__ import annotations

import hashlib
import pickle
import time
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest_tabular import *  # placeholder
