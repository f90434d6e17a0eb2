"""HTML page that shows a window of simulated neurons."""

from bio_scnn.explorer.exploration import explore
from bio_scnn.explorer.page import Picture, explore_page
from bio_scnn.explorer.window import View, Window, record_window

__all__ = ["Picture", "View", "Window", "explore", "explore_page", "record_window"]
