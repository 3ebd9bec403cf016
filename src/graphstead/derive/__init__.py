"""Files that follow from the contract and the settings; `scripts/derive` writes them."""
