# SPDX-License-Identifier: Apache-2.0
"""A stand-in of the facilities' services (SFAPI, IRI, Globus Compute) in front of one scheduler."""
