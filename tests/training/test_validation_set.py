"""Photographs to validate on."""

from helpers import photograph

from bio_scnn.data.images import write_image
from bio_scnn.train import main


def test_unreadable_validation_images_are_not_fatal(config, tmp_path, capsys):
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / "bad.png").write_bytes(b"no image")
    words = ["--config", str(config), "-o", str(tmp_path / "run"), "--quiet"]
    write_image(tmp_path / "photos" / "a.png", photograph(90, 90))
    main([*words, "--data", str(tmp_path / "photos"), "--val", str(tmp_path / "val")])
    assert "validating on those of the training" in capsys.readouterr().err
