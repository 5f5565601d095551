#!/usr/bin/env python3
"""Shows that the matrix can fail: every kind of broken capture is complained about, and a good one is not."""

import unittest

import behaviours
import flv
import media
import rtmp
import web
from flv import AUDIO, SCRIPT, VIDEO, Tag

AVC_CONFIG, AVC_KEY, AVC_INTER = b"\x17\0\0\0\0x", b"\x17\1\0\0\0x", b"\x27\1\0\0\0x"
AAC_CONFIG, AAC_FRAME = b"\xaf\0\x12\x08", b"\xaf\1x"


def good(seconds=5):
    """Pictures at 25/s with a keyframe a second, and AAC."""
    tags = [Tag(SCRIPT, 0, b"\x02\0\x0aonMetaData"), Tag(VIDEO, 0, AVC_CONFIG), Tag(AUDIO, 0, AAC_CONFIG)]
    tags += [Tag(VIDEO, i * 40, AVC_KEY if i % 25 == 0 else AVC_INTER) for i in range(seconds * 25)]
    tags += [Tag(AUDIO, round(i * 1000 / media.AAC_RATE), AAC_FRAME) for i in range(int(seconds * media.AAC_RATE))]
    return sorted(tags, key=lambda t: (t.time, not t.is_config))


class Captures(unittest.TestCase):
    def complaints(self, tags, kind=media.H264, least=3.5):
        return " ".join(media.check_flv(tags, kind, least))

    def test_a_good_capture_passes(self):
        self.assertEqual(self.complaints(good()), "")

    def test_a_capture_that_joined_late_passes(self):
        tags = good()
        self.assertEqual(self.complaints([t for t in tags if t.is_config] + [t for t in tags if t.time >= 1000]), "")

    def test_broken_captures_fail(self):
        tags = good()
        pictures = [t for t in tags if t.kind == VIDEO and t.is_media]
        cases = {
            "frames over": [t for t in tags if t not in pictures[::5]],
            "a gap of": [t for t in tags if not 2000 < t.time < 2400],
            "sequence header": [t for t in tags if not (t.kind == VIDEO and t.is_config)],
            "keyframe": [t for t in tags if t is not pictures[0]],
            "s received": [t for t in tags if t.time < 3000],
            "goes back": tags[:200] + [tags[150]] + tags[200:],
            "only": sorted(tags + pictures, key=lambda t: t.time),
            "audio: 0 frames": [t for t in tags if t.kind != AUDIO],
        }
        for words, broken in cases.items():
            self.assertIn(words, self.complaints(broken), words)

    def test_a_track_that_was_not_sent_is_noticed(self):
        self.assertIn("none were sent", self.complaints(good(), media.VIDEO_ONLY))
        self.assertIn("none were sent", self.complaints(good(), media.AUDIO_ONLY))

    def test_decoder_words_count_but_a_cut_end_does_not(self):
        self.assertEqual(media.decoder_words(b"File ended prematurely at pos. 1\n"), "")
        self.assertIn("concealing", media.decoder_words(b"[h264 @ 0x1] concealing 12 errors\n"))
        cut = b"[aac @ 0x1] Input buffer exhausted\nError while decoding stream\n"
        self.assertEqual(media.decoder_words(cut, cut_aac=2), "")
        self.assertNotEqual(media.decoder_words(cut), "")
        self.assertNotEqual(media.decoder_words(cut * 2, cut_aac=2), "")

    def test_the_admin_summary_is_compared_with_what_was_sent(self):
        summary = {"videoCodec": "avc", "audioCodec": "aac", "width": 320, "height": 180}
        self.assertEqual(behaviours.check_summary({"summary": summary, "publisher": {}}, media.H264), [])
        for change in ({"videoCodec": "hevc"}, {"audioCodec": None}, {"width": None}):
            self.assertTrue(behaviours.check_summary({"summary": summary | change, "publisher": {}}, media.H264), change)
        self.assertTrue(behaviours.check_summary({"summary": summary, "publisher": None}, media.H264))
        self.assertTrue(behaviours.check_summary(None, media.H264))


class Containers(unittest.TestCase):
    def test_flv_survives_writing_and_reading(self):
        tags = good(1) + [Tag(VIDEO, 0x1234567, AVC_INTER)]
        self.assertEqual(flv.read(flv.write(tags)), tags)

    def test_broken_flv_is_refused(self):
        data = flv.write(good(1))
        for broken in (b"", data[:12], b"FLW" + data[3:], data[:-1], data[:13] + b"\x05" + data[14:], data[:-1] + b"\xff"):
            with self.assertRaises(flv.FLVError):
                flv.read(broken)

    def test_metadata_with_a_time_is_noticed(self):
        flv.check_metadata(good(1))
        with self.assertRaises(flv.FLVError):
            flv.check_metadata([Tag(SCRIPT, 40, b"\x02\0\x0aonMetaData")])

    def test_hevc_of_both_forms_becomes_the_same_stream(self):
        record = bytes(21) + b"\x03\x01" + b"\x20\0\x01\0\x02VP"
        unit = b"\0\0\0\x03abc"
        extended = [Tag(VIDEO, 0, b"\x90hvc1" + record), Tag(VIDEO, 0, b"\x93hvc1" + unit), Tag(VIDEO, 40, b"\xa1hvc1\0\0\x28" + unit)]
        numbered = [Tag(VIDEO, 0, b"\x1c\0\0\0\0" + record), Tag(VIDEO, 0, b"\x1c\1\0\0\0" + unit), Tag(VIDEO, 40, b"\x2c\1\0\0\x28" + unit)]  # fmt: skip
        expected = b"\0\0\0\1VP" + b"\0\0\0\1abc" * 2
        self.assertEqual(flv.hevc_to_annex_b(extended), expected)
        self.assertEqual(flv.hevc_to_annex_b(numbered), expected)
        for tags in (extended, numbered):
            self.assertEqual([t.is_config for t in tags], [True, False, False])
            self.assertEqual([t.is_media for t in tags], [False, True, True])
            self.assertEqual([t.is_keyframe for t in tags], [False, True, False])
        with self.assertRaises(flv.FLVError):
            flv.hevc_to_annex_b([Tag(VIDEO, 0, AVC_CONFIG)])
        with self.assertRaises(flv.FLVError):
            flv.hevc_to_annex_b([Tag(VIDEO, 0, b"\x93hvc1\0\0\0\x09abc")])

    def test_amf(self):
        values = ["connect", 1, True, None, {"a": "b", "n": 2.5}, ["x"]]
        self.assertEqual(rtmp.amf_values(b"".join(rtmp.amf(v) for v in values)), values)

    def test_chunked_bodies(self):
        self.assertEqual(web.dechunk(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"), b"abcde")


if __name__ == "__main__":
    unittest.main()
