"""What the outside reaches by HTTP. Thin: bytes in, a status out; everything else happens in other rooms."""
