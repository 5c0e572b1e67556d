"""The JavaScript that draws the page's figures, as one text."""

import re
from functools import cache


@cache
def bundle() -> str:
    """Give Vega, Vega-Lite and Vega-Embed, which set `vegaEmbed`, for a script element."""
    import vl_convert
    from altair import SCHEMA_VERSION

    major, minor, *_ = SCHEMA_VERSION.split(".")
    text = vl_convert.javascript_bundle(_SNIPPET, vl_version=f"{major}.{minor}")
    return re.sub(r"</(?=script)", r"<\\/", text, flags=re.IGNORECASE)


_SNIPPET = "window.vegaEmbed = vegaEmbed;"
