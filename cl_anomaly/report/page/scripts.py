"""The JavaScript that draws the page's figures, as one text."""

import re
from contextlib import suppress
from functools import cache

from cl_anomaly.core.errors import RunError
from cl_anomaly.data.downloads import data_roots
from cl_anomaly.store.files import replacing


@cache
def bundle() -> str:
    """Return Vega, Vega-Lite and Vega-Embed, which set `vegaEmbed`, for a script element.

    Bundling takes seconds, so the text is kept in the user's cache, if that can be written.
    """
    import vl_convert
    from altair import SCHEMA_VERSION

    major, minor, *_ = SCHEMA_VERSION.split(".")
    version, maker = f"{major}.{minor}", vl_convert.__version__  # type: ignore[attr-defined]
    cached = data_roots(None)[-1] / f"vega-lite-{version}-{maker}.js"
    with suppress(OSError, UnicodeDecodeError):
        return cached.read_text(encoding="utf-8")
    text = vl_convert.javascript_bundle(_SNIPPET, vl_version=version)
    text = re.sub(r"</(?=script)", r"<\\/", text, flags=re.IGNORECASE)
    with suppress(OSError, RunError):
        cached.parent.mkdir(parents=True, exist_ok=True)
        with replacing(cached) as partial:
            partial.write_text(text, encoding="utf-8")
    return text


_SNIPPET = "window.vegaEmbed = vegaEmbed;"
