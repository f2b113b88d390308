"""Who may come in: by which name the bridge was asked for, from which page, through which proxy."""
