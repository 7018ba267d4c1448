#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cut_package.py CTS: leaves dEQP-VK.wsi alone in the suite's test package, in place.

Also lets Debian 12's SPIRV-Tools serve, which know Vulkan up to 1.3: these tests use no more.
"""
import pathlib
import re
import sys


def function_end(text: str, start: int) -> int:
    """Where the function that begins at `start` ends."""
    depth = 0
    for at in range(text.index("{", start), len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at + 1
    raise ValueError("a function without an end")


def cut(text: str) -> str:
    kept = ("vktTestPackage", "vktTestGroupUtil", "vktWsiTests")
    text = re.sub(
        r'#include "(vkt|vks)(\w+)\.hpp"\n',
        lambda found: found[0] if found[1] + found[2] in kept else "",
        text,
    )
    text = re.sub(r'\n    addRootChild\("(?!wsi")[^;]*;', "", text)
    text = re.sub(r"\n    addChild\(\w+::createTests\(m_testCtx\)\);", "", text)
    for name in ("void createGlslTests(", "tcu::TestCaseGroup *createGlslTests("):
        start = text.find(name)
        if start >= 0:
            text = text[:start] + text[function_end(text, start):]
    return text


def main() -> None:
    root = pathlib.Path(sys.argv[1]) / "external/vulkancts"
    package = root / "modules/vulkan/vktTestPackage.cpp"
    package.write_text(cut(package.read_text()))
    for name in ("vkSpirVAsm.cpp", "vkShaderToSpirV.cpp"):
        source = root / "framework/vulkan" / name
        text = source.read_text().replace("SPV_ENV_VULKAN_1_4;", "SPV_ENV_VULKAN_1_3;")
        # Switches that those tools do not have, for shaders that are not in these tests.
        source.write_text(re.sub(r"(\w+\.|spvValidatorOptions)(SetAllowOffsetTextureOperand|SetAllowVulkan32BitBitwise)\([^;]*;", ";", text))


if __name__ == "__main__":
    main()
