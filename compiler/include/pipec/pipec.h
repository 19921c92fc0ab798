// Everything a program needs to embed pipec, for a program that does not want to choose. Smaller programs
// compile faster with the headers that they use.
#pragma once

#include "pipec/compiler/compile.h"
#include "pipec/graph/builder.h"
#include "pipec/graph/pipeline.h"
#include "pipec/runtime/checkpoint.h"
#include "pipec/runtime/connector.h"
#include "pipec/runtime/json.h"
#include "pipec/runtime/json_writer.h"
#include "pipec/runtime/register_connector.h"
#include "pipec/runtime/registry.h"
#include "pipec/runtime/stage.h"
#include "pipec/stdlib/memory.h"
#include "pipec/stdlib/register.h"
#include "pipec/version.h"
