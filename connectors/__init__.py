"""The first floor: speaks to vendors. A folder here that exports CONNECTOR is a vendor; there is no list."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping

from connectors.contract import Connector


@functools.cache
def discover() -> Mapping[str, Connector]:
    """Import every vendor's folder and return the connectors by vendor name."""
    folders = sorted(m.name for m in pkgutil.iter_modules(__path__) if m.ispkg)
    found = (importlib.import_module(f"{__name__}.{folder}").CONNECTOR for folder in folders)
    return {connector.vendor: connector for connector in found}
