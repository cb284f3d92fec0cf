"""From runs to rows, ranks, differences and verdicts."""
