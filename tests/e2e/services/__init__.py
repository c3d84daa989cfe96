"""Tests of prod's topology on real pods, small: one platform for all of them."""
