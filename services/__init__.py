"""The four programs of Warren. They share `warren.contracts` and `warren.chassis` and never import each other."""
