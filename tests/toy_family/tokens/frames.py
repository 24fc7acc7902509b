FRAME_S = 0.04


def num_frames(duration_s):
    return int(duration_s / FRAME_S)
