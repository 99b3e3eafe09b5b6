# SPDX-License-Identifier: Apache-2.0
"""The only importer of htcondor2: configuration, schedd, collector.

Importing this package loads htcondor2 before classad2, without which HTCondor's ClassAd functions
evaluate to error and matches are silently false.
"""

import htcondor2

VERSION: str = htcondor2.version()
