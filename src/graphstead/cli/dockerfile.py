"""`graphstead dockerfile`: an image of the project, small and without root."""

from __future__ import annotations

import os
from pathlib import Path

import click

from graphstead.cli.options import config_option
from graphstead.graphs import load_project
from graphstead.image import Image, compose_file, dockerfile, ignored, image_of

__all__ = ["command"]


@click.command("dockerfile")
@click.argument(
    "save_path", type=click.Path(path_type=Path, dir_okay=False), default=Path("Dockerfile")
)
@config_option
@click.option(
    "--add-docker-compose", is_flag=True, help="Write a docker-compose.yml beside it, too."
)
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
def command(save_path: Path, config: Path, add_docker_compose: bool, force: bool) -> None:
    """Write SAVE_PATH from what langgraph.json says of images, and SAVE_PATH.dockerignore.

    The image serves the project as an ordinary user, keeps its data in the volume /data and
    tells its health by /ok. To build with another graphstead than this version:
    --build-arg GRAPHSTEAD=<what pip shall install>.
    """
    project = load_project(config)
    image = image_of(project)
    files = {
        save_path: dockerfile(image, project.raw.get("source")),
        save_path.with_name(f"{save_path.name}.dockerignore"): ignored(image),
    }
    if add_docker_compose:
        files[save_path.with_name("docker-compose.yml")] = compose_file(image, save_path)
    there = [str(path) for path in files if path.exists()]
    if there and not force:
        raise click.UsageError(f"{', '.join(there)} would be overwritten; --force allows it")
    for path, content in files.items():
        path.write_text(content)
        click.echo(f"Wrote {path}")
    click.echo("docker compose up" if add_docker_compose else _build_line(image, save_path))


def _build_line(image: Image, save_path: Path) -> str:
    return f"docker build -f {save_path} -t graphstead-project {os.path.relpath(image.context)}"
