"""Where drills run: in processes of this machine (`processes`); Jobs of a cluster are another strategy behind the same seam."""
