"""Libraries are loaded without collecting garbage, which goes on afterwards."""

import gc

from cl_anomaly.core.loading import loading


def test_garbage_is_collected_again_after_loading_and_after_an_error() -> None:
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled()
    try:
        with loading():
            raise ImportError
    except ImportError:
        pass
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with loading():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
