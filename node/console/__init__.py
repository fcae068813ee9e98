"""What the browser pages of both platforms share: how they are served, how they look, and how they ask and show."""
