"""Programs that measure the metrics themselves: their speed and their intervals' coverage."""
