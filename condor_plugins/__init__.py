# SPDX-License-Identifier: Apache-2.0
"""HTCondor Glideins: idle jobs become pilots, decided from inside HTCondor."""
