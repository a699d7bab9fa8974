// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), the checksum of iSCSI and ext4.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

// The checksum of `bytes`, or, with the checksum of what came before as `previous`, of both
// together. Uses the processor's vectors or its instruction where there are such.
uint32_t Crc32c(std::string_view bytes, uint32_t previous = 0);

// The same as on a processor without vectors of 512 bits.
uint32_t Crc32cByWords(std::string_view bytes, uint32_t previous = 0);

// The same by tables alone, for any processor.
uint32_t Crc32cPortable(std::string_view bytes, uint32_t previous = 0);

}  // namespace sluice
