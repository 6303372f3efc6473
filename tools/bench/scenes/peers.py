"""Reads names of videos, one a line, and prints the cuts that PySceneDetect's detectors find, as JSON.

The shortest scene is one frame for those named with "1f": the default of 0.6 s (15 frames in earlier releases) hides short shots.
"""
import json
import sys

from scenedetect import AdaptiveDetector, ContentDetector, SceneManager, open_video

DETECTORS = {
    "Adaptive": lambda: AdaptiveDetector(),
    "Adaptive 1f": lambda: AdaptiveDetector(min_scene_len=1),
    "Content": lambda: ContentDetector(),
    "Content 1f": lambda: ContentDetector(min_scene_len=1),
}


def cuts(path, make):
    manager = SceneManager()
    manager.auto_downscale = True
    manager.add_detector(make())
    manager.detect_scenes(open_video(path))
    return [start.frame_num for start, _ in manager.get_scene_list()][1:]


files = [line.rstrip("\n") for line in sys.stdin]
json.dump([{"name": name, "cuts": [cuts(path, make) for path in files]} for name, make in DETECTORS.items()], sys.stdout)
