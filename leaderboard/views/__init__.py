"""The pages: a script each, whose name is its address; the other modules here are what the scripts share."""

TITLES = {"overview": "Overview", "tradeoffs": "Trade-offs", "task": "Task", "wall": "Wall", "method": "Method",
          "compare": "Compare", "chooser": "Chooser", "submit": "Submit", "questions": "Questions"}  # fmt: skip
