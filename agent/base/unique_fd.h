// UniqueFd, which the client links too.
#pragma once

#include "proto/contract/unique_fd.h"
