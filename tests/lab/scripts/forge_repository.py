"""forge_repository.py REPO…: makes the metadata of a repository fit its packages again, as somebody does who has changed one of them."""
import glob
import gzip
import hashlib
import os
import re
import sys


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def forge(repo):
    lists = {path: gzip.open(path).read().decode() for path in glob.glob(f'{repo}/repodata/*.xml.gz')}
    [primary] = [path for path in lists if path.endswith('primary.xml.gz')]
    for entry in re.findall(r'<package type="rpm">.*?</package>', lists[primary], re.S):
        digest = re.search(r'pkgid="YES">([0-9a-f]{64})<', entry).group(1)
        data = open(f'{repo}/' + re.search(r'<location href="([^"]+)"', entry).group(1), 'rb').read()
        fits = re.sub(r'<size package="\d+"', f'<size package="{len(data)}"', entry)
        lists[primary] = lists[primary].replace(entry, fits)
        for path in lists:
            lists[path] = lists[path].replace(digest, sha256(data))
    repomd = open(f'{repo}/repodata/repomd.xml').read()
    for path, text in lists.items():
        packed = gzip.compress(text.encode())
        with open(path, 'wb') as file:
            file.write(packed)
        name = os.path.basename(path)
        [old] = [data for data in re.findall(r'<data type=.*?</data>', repomd, re.S) if f'repodata/{name}"' in data]
        new = re.sub(r'(<checksum type="sha256">)[0-9a-f]+', rf'\g<1>{sha256(packed)}', old)
        new = re.sub(r'(<open-checksum type="sha256">)[0-9a-f]+', rf'\g<1>{sha256(text.encode())}', new)
        new = re.sub(r'<size>\d+', f'<size>{len(packed)}', new)
        new = re.sub(r'<open-size>\d+', f'<open-size>{len(text.encode())}', new)
        repomd = repomd.replace(old, new)
    with open(f'{repo}/repodata/repomd.xml', 'w') as file:
        file.write(repomd)


for directory in sys.argv[1:]:
    forge(directory)
